#pragma once

#include <array>
#include <string_view>

namespace tributary {

using Sha256 = std::array<unsigned char, 32>;

// FIPS 180-4 (libcrypto inside).
Sha256 sha256(std::string_view bytes);

}  // namespace tributary
