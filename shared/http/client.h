#pragma once

#include <chrono>
#include <string>

#include "shared/base/result.h"

namespace tributary {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// One GET of a program of ours that runs on this machine, for commands that need what only the
// running process knows. `address` as in http.listen ("127.0.0.1:8000"), without TLS. Blocks for up
// to `time`. errc::unavailable when nobody listens there. It speaks HTTP/1.0, so that the answer is
// all there is until the connection ends.
Result<HttpAnswer> http_get(const std::string& address, const std::string& target, std::chrono::milliseconds time);

}  // namespace tributary
