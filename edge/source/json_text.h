#pragma once

#include <string>
#include <string_view>

namespace tributary::edge {

// JSON is written by hand here: a parser's document would cost more memory than the agent has.

// Whether the text is a number as RFC 8259 (6) writes it: -0.5e+3, but not +5, 007, .5, 1. or NaN.
bool is_json_number(std::string_view text);

// Whether the bytes are UTF-8 (RFC 3629): no surrogates, no overlong forms.
bool is_utf8(std::string_view text);

// Adds `text` (UTF-8) as a JSON string, with its quotes; only what must be escaped is escaped.
void append_json_string(std::string& to, std::string_view text);

// Adds hundredths as a decimal number with at most two decimals: 2318 → 23.18, 2300 → 23.
void append_hundredths(std::string& to, long hundredths);

}  // namespace tributary::edge
