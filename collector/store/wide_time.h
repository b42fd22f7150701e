#pragma once

#include <string>
#include <string_view>

#include "shared/base/timestamp.h"

namespace tributary::collector {

// 2026-01-21T10:00:00.000000000Z: with nine fractional digits texts are in the order of time; with
// as many as needed they aren't.
std::string wide_time(Timestamp time);

// The canonical text of a wide time; other texts stay as they are.
std::string narrow_time(std::string_view text);

}  // namespace tributary::collector
