#include "shared/config/access.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>

namespace tributary {
namespace {

constexpr std::size_t kPasswordSizeMax = 1024;

Result<std::string> first_line(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  std::array<char, kPasswordSizeMax> line{};
  if (!file || std::fgets(line.data(), line.size(), file.get()) == nullptr) {
    if (file && std::ferror(file.get()) == 0)
      return fail(errc::invalid_argument, path + " is empty");
    return fail_errno("cannot read " + path);
  }
  const std::string text(line.data());
  return text.substr(0, text.find_first_of("\r\n"));
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("[::1]") ||
         address.starts_with("localhost:");
}

}  // namespace

std::string read_password(const Settings& table) {
  if (table.has("password") && table.place("password").starts_with("--set")) {
    table.refuse("password",
                 "other users of this machine can see the command line: use password_file or the "
                 "environment");
  }
  auto password = table.string("password");
  const auto file = table.optional_string("password_file");
  if (!file) return password;
  auto line = first_line(*file);
  if (line) return *std::move(line);
  table.refuse("password_file", line.error().message());
  return password;
}

std::string without_credentials(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const auto host = scheme + 3;
  // A password may have slashes that nobody escaped; a host has no '@'.
  const auto at = url.substr(0, url.find('?')).rfind('@');
  if (at == std::string::npos || at < host) return url;
  return url.substr(0, host) + url.substr(at + 1);
}

std::vector<std::string> read_listen(const Settings& http, std::vector<std::string> absent) {
  auto listen = http.strings("listen", std::move(absent));
  const bool insecure = http.boolean("insecure", false);
  for (const auto& address : listen) {
    if (insecure || is_loopback(address)) continue;
    http.refuse("listen",
                address +
                    " can be reached from other machines: set http.insecure = true if everybody "
                    "there may use it");
  }
  return listen;
}

std::string read_file_path(const Settings& table, const std::string& key) {
  auto path = table.string(key);
  if (!path.empty() && !std::ifstream(path).is_open()) {
    table.refuse(key, "cannot read " + path + ": " + std::strerror(errno));
  }
  return path;
}

}  // namespace tributary
