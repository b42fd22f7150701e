// The text of CANONICAL.md.

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "shared/event/json.h"

namespace tributary {
namespace {

using nlohmann::json;

constexpr double kTwoTo63 = 9223372036854775808.0;
constexpr double kFixedMin = 1e-6;

template <class Integer>
void append_integer(Integer value, std::string& to) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  to.append(digits.data(), end);
}

// d.ddde-07 → d.ddde-7: std::to_chars writes at least two digits of the exponent.
void append_scientific(double value, std::string& to) {
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific)
          .ptr;
  const std::string_view all(text.data(), end);
  const auto exponent = all.find('e') + 2;
  to += all.substr(0, exponent);
  to += all.substr(all[exponent] == '0' ? exponent + 1 : exponent);
}

// What stands after the backslash; 0 for bytes that stand for themselves, 'u' for \u00xx.
constexpr auto kEscapes = [] {
  std::array<char, 256> escapes{};
  for (std::size_t i = 0; i < 0x20; ++i) escapes[i] = 'u';
  escapes['\b'] = 'b';
  escapes['\t'] = 't';
  escapes['\n'] = 'n';
  escapes['\f'] = 'f';
  escapes['\r'] = 'r';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

}  // namespace

void append_canonical_string(std::string_view text, std::string& to) {
  constexpr std::string_view kHexadecimal = "0123456789abcdef";
  to += '"';
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const char escape = kEscapes[byte];
    if (escape == 0) continue;
    to.append(text, done, i - done);
    done = i + 1;
    to += '\\';
    to += escape;
    if (escape == 'u') {
      to += "00";
      to += kHexadecimal[byte >> 4U];
      to += kHexadecimal[byte & 0xfU];
    }
  }
  to.append(text, done);
  to += '"';
}

void append_canonical_number(double value, std::string& to) {
  const double size = std::fabs(value);
  if (size < kTwoTo63 && std::trunc(value) == value) {
    append_integer(static_cast<std::int64_t>(value), to);
  } else if (value == -kTwoTo63) {
    append_integer(std::numeric_limits<std::int64_t>::min(), to);
  } else if (size >= kTwoTo63 || size < kFixedMin) {
    append_scientific(value, to);
  } else {
    std::array<char, 40> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
    to.append(text.data(), end);
  }
}

void append_canonical(const json& value, std::string& to) {
  switch (value.type()) {
    case json::value_t::object: {
      char separator = '{';
      for (const auto& [name, member] : *value.get_ptr<const json::object_t*>()) {
        to += separator;
        separator = ',';
        append_canonical_string(name, to);
        to += ':';
        append_canonical(member, to);
      }
      if (separator == '{') to += '{';
      to += '}';
      return;
    }
    case json::value_t::array: {
      char separator = '[';
      for (const auto& element : *value.get_ptr<const json::array_t*>()) {
        to += separator;
        separator = ',';
        append_canonical(element, to);
      }
      if (separator == '[') to += '[';
      to += ']';
      return;
    }
    case json::value_t::string:
      return append_canonical_string(*value.get_ptr<const std::string*>(), to);
    case json::value_t::boolean:
      to += *value.get_ptr<const bool*>() ? "true" : "false";
      return;
    case json::value_t::number_integer:
      return append_integer(*value.get_ptr<const std::int64_t*>(), to);
    case json::value_t::number_unsigned:
      return append_integer(*value.get_ptr<const std::uint64_t*>(), to);
    case json::value_t::number_float:
      return append_canonical_number(*value.get_ptr<const double*>(), to);
    case json::value_t::null:
    case json::value_t::binary:  // no JSON: nothing of ours makes them
    case json::value_t::discarded:
      to += "null";
      return;
  }
}

}  // namespace tributary
