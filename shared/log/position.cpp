#include "shared/log/position.h"

#include <algorithm>

#include "shared/base/sequence_ranges.h"

namespace tributary {
namespace {

std::uint64_t count_common(SequenceRange one, SequenceRange other) {
  const SequenceRange common{std::max(one.first, other.first), std::min(one.last, other.last)};
  return common.first <= common.last ? common.count() : 0;
}

}  // namespace

bool Position::released(Sequence sequence) const {
  if (sequence <= prefix) return true;
  const auto after =
      std::ranges::upper_bound(ranges, sequence, std::ranges::less(), &SequenceRange::first);
  return after != ranges.begin() && std::prev(after)->contains(sequence);
}

void add_released(Position& position, SequenceRange range) {
  range.first = std::max(range.first, position.prefix.next());
  if (range.last < range.first) return;
  auto& ranges = position.ranges;
  insert_merged(ranges, range);
  if (ranges.front().first == position.prefix.next()) {
    position.prefix = ranges.front().last;
    ranges.erase(ranges.begin());
  }
}

std::uint64_t count_released(const Position& position, SequenceRange range) {
  auto count = count_common({{1}, position.prefix}, range);
  for (const auto& released : position.ranges) count += count_common(released, range);
  return count;
}

std::vector<SequenceRange> unreleased(const Position& position, SequenceRange range) {
  std::vector<SequenceRange> rest;
  auto from = std::max(range.first, position.prefix.next());
  for (const auto& released : position.ranges) {
    if (released.last < from) continue;
    if (released.first > range.last) break;
    if (from < released.first) rest.push_back({from, {released.first.value - 1}});
    from = released.last.next();
  }
  if (from <= range.last) rest.push_back({from, range.last});
  return rest;
}

Sequence last_released(const Position& position) {
  return position.ranges.empty() ? position.prefix : position.ranges.back().last;
}

}  // namespace tributary
