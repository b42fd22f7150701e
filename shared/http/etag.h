#pragma once

#include <string>
#include <string_view>

namespace tributary {

// A strong entity tag, with its quotes, of content that is the same for the same bytes.
std::string strong_etag(std::string_view body);

// The same tag for what isn't the same bytes but says the same: `W/"…"` (RFC 9110, 8.8.3).
std::string weak_etag(std::string_view etag);

// Whether an If-None-Match ("*", or a list of tags) names this tag, compared weakly (RFC 9110,
// 13.1.2).
bool names_etag(std::string_view if_none_match, std::string_view etag);

}  // namespace tributary
