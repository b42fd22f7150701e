#include "edge/source/host_reading.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <utility>

namespace tributary::edge {
namespace {

constexpr std::size_t kNamePartMax = 48;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string joined(Parts parts) {
  std::string text;
  for (const auto part : parts) text += part;
  return text;
}

void HostReading::add(Parts name, double number, std::string_view source) {
  auto whole = joined(name);
  if (std::ranges::find(values_, whole, &Value::name) != values_.end()) {
    return miss(name, {"another thing has this name already: not that of ", source});
  }
  values_.push_back({.name = std::move(whole), .number = number, .source = std::string(source)});
}

void HostReading::miss(Parts what, Parts why) {
  gaps_.push_back({.what = joined(what), .why = joined(why)});
}

std::string name_part(std::string_view text) {
  std::string part(text.substr(0, kNamePartMax));
  std::ranges::replace_if(part, [](char c) { return !is_plain(c); }, '_');
  return part;
}

std::string number_text(double number) {
  std::array<char, 400> text{};  // a double has up to 309 digits before its point
  const auto size = std::snprintf(text.data(), text.size(), "%.2f", number);
  std::string_view digits(text.data(), static_cast<std::size_t>(size));
  while (digits.ends_with('0')) digits.remove_suffix(1);
  if (digits.ends_with('.')) digits.remove_suffix(1);
  return digits == "-0" ? "0" : std::string(digits);
}

}  // namespace tributary::edge
