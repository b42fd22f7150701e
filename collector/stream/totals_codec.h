#pragma once

#include "collector/outcome.h"
#include "shared/base/bytes.h"
#include "shared/base/result.h"

namespace tributary::collector {

// Totals as they are saved with a cursor; TOTALS.md has the bytes.
Bytes encode_totals(const Totals& totals);

// errc::unknown_version for totals of a newer program, errc::corrupt for bytes that are no totals.
Result<Totals> decode_totals(ByteView data);

}  // namespace tributary::collector
