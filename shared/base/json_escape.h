#pragma once

#include <string>
#include <string_view>

namespace tributary {

// Adds `text` as a JSON string, quotes included, for people to read: bytes that are no UTF-8 become
// U+FFFD. For answers and log lines; events keep their own bytes.
void append_json_string(std::string_view text, std::string& to);

}  // namespace tributary
