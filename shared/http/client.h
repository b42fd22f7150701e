#pragma once

#include <chrono>
#include <string>

#include "shared/base/result.h"

namespace tributary {

// The body of the answer to one GET of a program of ours that runs on this machine, for commands
// that need what only the running process knows. `address` as in http.listen ("127.0.0.1:8000"),
// without TLS. Blocks for up to `time` between two pieces of the answer, which has at most 64 MiB.
// errc::unavailable when nobody listens there, errc::refused with status and body when the answer
// is not 200. It speaks HTTP/1.0, so that the answer is all there is until the connection ends.
Result<std::string> http_get(const std::string& address, const std::string& target,
                             std::chrono::milliseconds time = std::chrono::seconds(5));

}  // namespace tributary
