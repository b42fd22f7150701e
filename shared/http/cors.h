#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/http/server.h"

namespace tributary {

// Which pages of browsers may call (WHATWG Fetch, 3.2): "https://example.org", or "*" for all.

// Whether that is an origin as browsers send it: scheme, host, port if it isn't the scheme's own.
bool is_origin(std::string_view text);

// What Access-Control-Allow-Origin says to a request of that Origin; nothing: not allowed.
std::optional<std::string> allowed_origin(const std::vector<std::string>& origins,
                                          std::optional<std::string_view> origin);

// Whether a request from a page of that Origin may change something: browsers let any page send a
// POST, with no more than this to tell it from the user's own. From no page (no Origin), from one
// of this server's own (its Host), or from one that is allowed.
bool may_change(const HttpRequest& request, const std::vector<std::string>& origins);

// The answer to OPTIONS on a path with these methods ("GET, HEAD").
HttpResponse preflight_answer(const std::string& methods);

}  // namespace tributary
