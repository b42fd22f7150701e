#pragma once

#include <string>

#include "shared/base/result.h"

namespace tributary::edge {

// The body of a running agent's answer to GET `path` at "127.0.0.1:8003" or "[::1]:8003" (HTTP/1.0,
// five seconds at most). errc::unavailable with the address when nobody answers there with 200.
Result<std::string> get_from_agent(const std::string& address, const std::string& path);

}  // namespace tributary::edge
