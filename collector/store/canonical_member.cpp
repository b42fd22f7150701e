#include "collector/store/canonical_member.h"

#include <charconv>
#include <cstddef>

namespace tributary::collector {
namespace {

// The place behind the string that begins at `at`.
std::size_t skip_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\') ++at;  // behind what is escaped
  }
  return text.size();
}

// The same of a number, true, false or null.
std::size_t skip_plain(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']') ++at;
  return at;
}

// The place behind the value that begins at `at`.
std::size_t skip_value(std::string_view text, std::size_t at) {
  if (text[at] == '"') return skip_string(text, at);
  if (text[at] != '{' && text[at] != '[') return skip_plain(text, at);
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  return at;
}

}  // namespace

CanonicalMembers::CanonicalMembers(std::string_view object) : object_(object) {
  if (object_.empty() || object_.front() != '{') object_ = {};
}

bool CanonicalMembers::next() {
  if (at_ >= object_.size() || object_[at_] != '"') return false;
  const auto name_end = skip_string(object_, at_);
  const auto value_at = name_end + 1;
  if (value_at >= object_.size()) return false;
  const auto value_end = skip_value(object_, value_at);
  name_ = object_.substr(at_, name_end - at_);
  value_ = object_.substr(value_at, value_end - value_at);
  at_ = value_end + 1;
  return true;
}

std::optional<std::string_view> canonical_member(std::string_view event, std::string_view name) {
  CanonicalMembers members(event);
  while (members.next()) {
    if (members.name() == name) return members.value();
  }
  return std::nullopt;
}

std::optional<std::string_view> canonical_member(std::string_view event,
                                                 std::span<const std::string> path) {
  std::optional value(event);
  for (const auto& name : path) {
    value = canonical_member(*value, name);
    if (!value) break;
  }
  return value;
}

std::optional<double> canonical_number(std::string_view text) {
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  // from_chars knows "inf".
  if (first == text.size() || text[first] < '0' || text[first] > '9') return std::nullopt;
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

void CanonicalNumbers::read(std::string_view event) {
  names_.clear();
  numbers_.clear();
  left_out_ = false;
  CanonicalMembers members(event);
  while (members.next()) {
    read_number({}, members.name(), members.value());
    CanonicalMembers inner(members.value());
    while (inner.next()) read_number(members.name(), inner.name(), inner.value());
  }
}

void CanonicalNumbers::read_number(std::string_view outer, std::string_view name,
                                   std::string_view text) {
  const auto value = canonical_number(text);
  if (!value) return;
  const auto size = outer.size() + name.size();
  if (size > name_size_max_) {
    left_out_ = true;
    return;
  }
  numbers_.push_back({.name_at = names_.size(), .name_size = size, .value = *value});
  names_.append(outer).append(name);
}

}  // namespace tributary::collector
