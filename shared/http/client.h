#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace tributary {

// The body of the answer to one GET of a program of ours that runs on this machine, for commands
// that need what only the running process knows. `address` as in http.listen ("127.0.0.1:8000"),
// without TLS. Blocks for up to `time` between two pieces of the answer, which has at most 64 MiB.
// errc::unavailable when nobody listens there, errc::refused with status and body when the answer
// is not 200. `token`: for a server that asks for one; empty: none. It speaks HTTP/1.0, so that the
// answer is all there is until the connection ends.
Result<std::string> http_get(const std::string& address, const std::string& target,
                             std::chrono::milliseconds time = std::chrono::seconds(5),
                             const std::string& token = {});
// The same for an answer of any length, given to `take` piece by piece; what `take` fails with ends
// it. Nothing tells whether an answer that ended is whole: its text must.
using HttpTake = std::function<Result<void>(std::string_view piece)>;
Result<void> http_get(const std::string& address, const std::string& target,
                      std::chrono::milliseconds time, const HttpTake& take,
                      const std::string& token = {});
// The same for one POST of a JSON text.
Result<std::string> http_post(const std::string& address, const std::string& target,
                              const std::string& json, std::chrono::milliseconds time,
                              const std::string& token = {});

}  // namespace tributary
