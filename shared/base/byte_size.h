#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace tributary {

// "256MiB", "64 KiB", "1GB", "4096": bytes. Units: B, KB, MB, GB (powers of 1000), KiB, MiB, GiB.
Result<std::uint64_t> parse_byte_size(std::string_view text);

}  // namespace tributary
