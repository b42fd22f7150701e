#include "shared/base/sequence_ranges.h"

#include <algorithm>

namespace tributary {

void insert_merged(std::vector<SequenceRange>& ranges, SequenceRange range) {
  const auto begin = std::ranges::find_if(
      ranges, [&](const SequenceRange& other) { return other.last.next() >= range.first; });
  const auto end = std::find_if(begin, ranges.end(), [&](const SequenceRange& other) {
    return other.first > range.last.next();
  });
  if (begin != end) {
    range.first = std::min(range.first, begin->first);
    range.last = std::max(range.last, std::prev(end)->last);
  }
  ranges.insert(ranges.erase(begin, end), range);
}

}  // namespace tributary
