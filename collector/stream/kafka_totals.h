#pragma once

#include <string>
#include <string_view>

#include "collector/outcome.h"
#include "shared/base/result.h"

namespace tributary::collector {

// Totals as they are saved in the metadata of a commit; TOTALS.md has the format.
std::string encode_metadata(const Totals& totals);

void add(Totals& to, const Totals& more);

// errc::unknown_version for totals of a newer program, errc::corrupt for text that is no totals.
Result<Totals> decode_metadata(std::string_view metadata);

}  // namespace tributary::collector
