#include "collector/mqtt_session.h"

#include <algorithm>
#include <ranges>
#include <span>
#include <tuple>

#include "shared/base/bytes.h"
#include "shared/base/id.h"
#include "shared/log/replace_file.h"

namespace tributary::collector {
namespace {

// Empty when there is no such file.
Result<std::string> read_text(FileSystem& files, const std::filesystem::path& path) {
  const auto file = files.open(path, OpenMode::read);
  if (!file && file.error().code() == std::errc::no_such_file_or_directory) return std::string();
  if (!file) return std::unexpected(file.error());
  TRIBUTARY_ASSIGN(const auto size, (*file)->size());
  std::string text(size, '\0');
  TRIBUTARY_ASSIGN(const auto got, (*file)->read(0, std::as_writable_bytes(std::span(text))));
  text.resize(got);
  return text;
}

Result<void> write_text(FileSystem& files, const std::filesystem::path& path,
                        const std::string& text) {
  auto unfinished = path;
  unfinished += kUnfinishedEnd;
  std::ignore = files.remove(unfinished);  // of a crash
  const auto written =
      replace_file(files, path, [&](File& file) { return file.write(0, as_bytes(text)); });
  if (!written) return std::unexpected(written.error());
  return {};
}

}  // namespace

Result<std::string> mqtt_client_id(FileSystem& files, const std::filesystem::path& data) {
  const auto path = data / "mqtt_client_id";
  TRIBUTARY_ASSIGN(auto id, read_text(files, path));
  if (!id.empty()) return id;
  id = "tributary-collector-" + Id::random().text().substr(0, 16);
  TRIBUTARY_TRY(write_text(files, path, id));
  return id;
}

Result<std::vector<std::string>> remember_filters(FileSystem& files,
                                                  const std::filesystem::path& data,
                                                  const std::vector<std::string>& wanted) {
  const auto path = data / "mqtt_subscriptions";
  TRIBUTARY_ASSIGN(auto text, read_text(files, path));
  std::vector<std::string> known;
  for (const auto line : std::views::split(text, '\n')) {
    if (!line.empty()) known.emplace_back(line.begin(), line.end());
  }
  const auto before = text.size();
  for (const auto& filter : wanted) {
    if (std::ranges::find(known, filter) == known.end()) text += filter + '\n';
  }
  if (text.size() != before) TRIBUTARY_TRY(write_text(files, path, text));
  std::erase_if(known, [&](const std::string& filter) {
    return std::ranges::find(wanted, filter) != wanted.end();
  });
  return known;
}

}  // namespace tributary::collector
