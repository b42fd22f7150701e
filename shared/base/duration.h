#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tributary {

// "100ms", "1.5h", "2 min": a number and one of ms, s, m, min, h, d. In milliseconds, which may
// have a fraction; nothing for any other text.
std::optional<double> parse_milliseconds(std::string_view text);
// "90s", in the largest unit that it is a whole number of.
std::string duration_text(std::chrono::milliseconds duration);

}  // namespace tributary
