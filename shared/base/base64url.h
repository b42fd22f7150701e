#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/base/bytes.h"

namespace tributary {

// Base64 for URLs, without padding (RFC 4648, 5).
std::string base64url(ByteView bytes);
// Nothing for any text that base64url() doesn't write.
std::optional<Bytes> from_base64url(std::string_view text);

}  // namespace tributary
