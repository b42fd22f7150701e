#pragma once

#include "shared/base/sequence.h"
#include "shared/log/log.h"

namespace tributary {

// Adds `range` to the released: to the prefix when it touches it, else to the ranges. More than
// kCursorRangesMax of these may come out.
void add_released(Position& position, SequenceRange range);

// How many of `range` the position has released.
std::uint64_t count_released(const Position& position, SequenceRange range);

// What of `range` the position hasn't released, ascending.
std::vector<SequenceRange> unreleased(const Position& position, SequenceRange range);

// The last sequence that the position knows of.
Sequence last_released(const Position& position);

}  // namespace tributary
