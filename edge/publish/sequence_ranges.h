#pragma once

#include <vector>

#include "shared/base/sequence.h"

namespace tributary::edge {

// Adds `range` to ranges that are ascending and don't touch each other, and keeps them so.
void insert_merged(std::vector<SequenceRange>& ranges, SequenceRange range);

}  // namespace tributary::edge
