#include "shared/config/access.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>

namespace tributary {
namespace {

constexpr std::size_t kSecretSizeMax = 1024;

Result<std::string> first_line(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  std::array<char, kSecretSizeMax> line{};
  if (!file || std::fgets(line.data(), line.size(), file.get()) == nullptr) {
    if (file && std::ferror(file.get()) == 0)
      return fail(errc::invalid_argument, path + " is empty");
    return fail_errno("cannot read " + path);
  }
  const std::string text(line.data());
  return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace

std::string read_secret(const Settings& table, const std::string& key) {
  const auto file_key = key + "_file";
  if (table.has(key) && table.place(key).starts_with("--set")) {
    table.refuse(key, "other users of this machine can see the command line: use " + file_key +
                          " or the environment");
  }
  auto secret = table.string(key);
  const auto file = table.optional_string(file_key);
  if (!file) return secret;
  auto line = first_line(*file);
  if (line) return *std::move(line);
  table.refuse(file_key, line.error().message());
  return secret;
}

std::string read_password(const Settings& table) { return read_secret(table, "password"); }

namespace {

// "…password=…" as "…password=***": of a query, and of what was meant for no URL at all.
std::string without_passwords(std::string text) {
  constexpr std::string_view kName = "password=";
  for (auto at = text.find(kName); at != std::string::npos; at = text.find(kName, at)) {
    at += kName.size();
    const auto end = std::min(text.find_first_of("& \t", at), text.size());
    text.replace(at, end - at, "***");
  }
  return text;
}

}  // namespace

std::string without_credentials(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return without_passwords(url);
  const auto host = scheme + 3;
  // A password may have slashes, or a '?', that nobody escaped; a host has no '@'.
  auto end = url.find('?');
  if (end != std::string::npos && url.substr(host, end - host).find('/') == std::string::npos)
    end = std::string::npos;
  const auto at = url.substr(0, end).rfind('@');
  if (at == std::string::npos || at < host) return without_passwords(url);
  return url.substr(0, host) + without_passwords(url.substr(at + 1));
}

std::string read_file_path(const Settings& table, const std::string& key) {
  auto path = table.string(key);
  if (!path.empty() && !std::ifstream(path).is_open()) {
    table.refuse(key, "cannot read " + path + ": " + std::strerror(errno));
  }
  return path;
}

}  // namespace tributary
