#pragma once

#include <vector>

#include "shared/base/sequence.h"

namespace tributary {

// Adds a range to ascending ranges that don't touch each other, and keeps them so: those that it
// overlaps or touches become one with it.
void insert_merged(std::vector<SequenceRange>& ranges, SequenceRange range);

}  // namespace tributary
