#pragma once

#include <string>
#include <string_view>

namespace tributary {

// `text` as a JSON string, quotes included, for answers and log lines: bytes that are no UTF-8
// become U+FFFD. Events keep their own bytes (shared/event).
std::string json_string(std::string_view text);

}  // namespace tributary
