#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "shared/http/server.h"

namespace tributary {

struct ProblemEntry {
  std::size_t index = 0;  // of the record in the body, from 0
  std::string pointer;    // JSON Pointer inside the record
  std::string detail;
};

// application/problem+json (RFC 9457): type "about:blank", the status' own title, `detail`, and
// `errors` when there are any. `extra` members (name, JSON text) are added as they are.
HttpResponse problem(int status, std::string_view detail,
                     const std::vector<ProblemEntry>& errors = {},
                     const std::vector<std::pair<std::string, std::string>>& extra = {});

// A 503 that says when to try again.
HttpResponse unavailable(std::string_view detail,
                         std::chrono::seconds retry_after = std::chrono::seconds(1));

// The standard reason phrase: 404 → "Not Found".
std::string_view status_text(int status);

}  // namespace tributary
