#pragma once

#include <cstdint>

#include "shared/base/bytes.h"

namespace tributary {

// CRC-32C (Castagnoli, RFC 3720 B.4) of `bytes`; of `previous` and then `bytes` when the CRC of
// what came before is given. By the processor's instruction where it has one.
std::uint32_t crc32c(ByteView bytes, std::uint32_t previous = 0);

// The same by tables alone, so that tests can compare.
std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t previous = 0);

}  // namespace tributary
