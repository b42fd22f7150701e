#include "collector/store/canonical_member.h"

#include <cstddef>

namespace tributary::collector {
namespace {

// The place behind the string that begins at `at`.
std::size_t skip_string(std::string_view text, std::size_t at) {
  for (at = text.find_first_of("\"\\", at + 1); at != std::string_view::npos;
       at = text.find_first_of("\"\\", at + 2)) {  // behind what is escaped
    if (text[at] == '"') return at + 1;
  }
  return text.size();
}

// The place behind the value that begins at `at`.
std::size_t skip_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}')) return at;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return at;
}

}  // namespace

std::optional<std::string_view> canonical_member(std::string_view event, std::string_view name) {
  std::size_t at = 1;
  while (at < event.size() && event[at] == '"') {
    const auto name_end = skip_string(event, at);
    const auto value_at = name_end + 1;
    const auto value_end = skip_value(event, value_at);
    if (value_at >= event.size()) break;
    if (event.substr(at, name_end - at) == name) {
      return event.substr(value_at, value_end - value_at);
    }
    at = value_end + 1;
  }
  return std::nullopt;
}

}  // namespace tributary::collector
