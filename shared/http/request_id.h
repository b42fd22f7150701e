#pragma once

#include <string>
#include <string_view>

#include "shared/http/server.h"

namespace tributary {

// What a request is called in logs, by those who sent it or else by us: its X-Request-Id when that
// is 1 to 64 characters of [A-Za-z0-9._:-], the trace-id of its traceparent (W3C Trace Context)
// when that is valid, or a random one.
std::string request_id(const HttpRequest& request);

}  // namespace tributary
