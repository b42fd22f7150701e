#include "edge/source/host_files.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

namespace tributary::edge {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Result<bool> HostFiles::Lines::next(std::string_view& line) {
  line_.clear();
  int byte = 0;
  while ((byte = std::getc(file_.get())) != EOF && byte != '\n') {
    if (line_.size() < kLineSizeMax) line_ += static_cast<char>(byte);
  }
  if (std::ferror(file_.get()) != 0) return fail_errno(path_);
  line = line_;
  return byte != EOF || !line_.empty();
}

Result<HostFiles::Lines> HostFiles::open(std::string_view path) const {
  Lines lines(path, real(path));
  if (!lines.file_) return fail_errno(lines.path_);
  return lines;
}

Result<std::string> HostFiles::first_line(std::string_view path) const {
  TRIBUTARY_ASSIGN(auto lines, open(path));
  std::string_view line;
  TRIBUTARY_ASSIGN(const bool any, lines.next(line));
  if (!any) return fail(errc::corrupt, std::string(path) + ": is empty");
  return std::string(line);
}

Result<std::vector<std::string>> HostFiles::list(std::string_view directory,
                                                 std::string_view prefix,
                                                 std::size_t count_max) const {
  const std::unique_ptr<DIR, CloseDirectory> open(::opendir(real(directory).c_str()));
  if (!open) return fail_errno(std::string(directory));
  std::vector<std::string> names;
  while (const auto* entry = ::readdir(open.get())) {
    const std::string_view name(static_cast<const char*>(entry->d_name));
    if (!name.starts_with(prefix)) continue;
    const auto after = std::ranges::find_if(names, [name](std::string_view other) {
      return other.size() != name.size() ? other.size() > name.size() : other > name;
    });
    names.emplace(after, name);
  }
  if (names.size() > count_max) names.resize(count_max);
  return names;
}

std::string_view take_word(std::string_view& text) {
  constexpr std::string_view kBlanks = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const auto word = text.substr(0, text.find_first_of(kBlanks));
  text.remove_prefix(word.size());
  return word;
}

bool take_count(std::string_view& text, std::uint64_t& count) {
  const auto word = take_word(text);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), count);
  return error == std::errc{} && end == word.data() + word.size();
}

}  // namespace tributary::edge
