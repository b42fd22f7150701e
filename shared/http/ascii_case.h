#pragma once

// Internal to shared/http.

#include <algorithm>
#include <string_view>

namespace tributary::http {

// Names of header fields, schemes and codings are the same in any case of their letters.
inline bool equal_in_any_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace tributary::http
