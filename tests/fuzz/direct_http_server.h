#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/http/server.h"

namespace tributary::fuzz {

// In a program that has direct_http_server.cpp, the HttpServer of shared/http listens nowhere: its
// requests are made by this call, in the calling thread. Waits for the answer, a streamed one to
// its end; CHECKs that it comes. A handler that throws ends the program.
HttpResponse request(HttpServer& server, const std::string& method, std::string_view target,
                     std::vector<std::pair<std::string, std::string>> headers, std::string body);

}  // namespace tributary::fuzz
