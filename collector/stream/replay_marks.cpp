#include "collector/stream/replay_marks.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace tributary::collector {
namespace {

constexpr std::size_t kTextSizeMax = 1000;
constexpr std::uint64_t kOffsetMax = INT64_MAX - 1;

std::string range_text(std::uint64_t first, std::uint64_t last) {
  auto text = std::to_string(first);
  if (last != first) text += "-" + std::to_string(last);
  return text;
}

struct Offsets {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// "3-7" or "9".
std::optional<Offsets> parse_range(std::string_view text) {
  Offsets range;
  const auto* const begin = text.data();
  const auto* const end = begin + text.size();
  auto parsed = std::from_chars(begin, end, range.first);
  range.last = range.first;
  if (parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == '-') {
    parsed = std::from_chars(parsed.ptr + 1, end, range.last);
  }
  const bool whole = parsed.ec == std::errc() && parsed.ptr == end;
  if (!whole || range.last < range.first || range.last > kOffsetMax) return std::nullopt;
  return range;
}

}  // namespace

std::vector<std::string> replay_mark_texts(std::span<const std::uint64_t> offsets) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < offsets.size();) {
    auto end = i + 1;
    while (end < offsets.size() && offsets[end] == offsets[end - 1] + 1) ++end;
    const auto range = range_text(offsets[i], offsets[end - 1]);
    i = end;
    if (texts.empty() || texts.back().size() + 1 + range.size() > kTextSizeMax) {
      texts.push_back(range);
    } else {
      texts.back() += "," + range;
    }
  }
  return texts;
}

Envelope replay_mark(std::string_view offsets, Timestamp at) {
  Envelope mark;
  mark.flags = Envelope::kDeadLetter;
  mark.received_at = at;
  mark.reason = kReplayedReason;
  mark.detail = offsets;
  return mark;
}

std::uint64_t ReplayMarks::position() const {
  const MutexLock lock(mutex_);
  return position_;
}

void ReplayMarks::take(std::span<const Mark> marks, std::uint64_t position) {
  const MutexLock lock(mutex_);
  for (const auto& mark : marks) {
    std::string_view rest = mark.offsets;
    while (!rest.empty()) {
      const auto comma = std::min(rest.find(','), rest.size());
      if (const auto range = parse_range(rest.substr(0, comma))) {
        add(range->first, range->last, mark.at);
      }
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  position_ = std::max(position_, position);
}

void ReplayMarks::clear() {
  const MutexLock lock(mutex_);
  ranges_.clear();
  position_ = 0;
}

std::optional<Timestamp> ReplayMarks::find(std::uint64_t offset) const {
  const MutexLock lock(mutex_);
  const auto behind = ranges_.upper_bound(offset);
  if (behind == ranges_.begin()) return std::nullopt;
  const auto& range = std::prev(behind)->second;
  return offset <= range.last ? std::optional(range.at) : std::nullopt;
}

// Only what no other mark has covered before.
void ReplayMarks::add(std::uint64_t first, std::uint64_t last, Timestamp at) {
  while (first <= last) {
    const auto behind = ranges_.upper_bound(first);
    auto* const before = behind == ranges_.begin() ? nullptr : &std::prev(behind)->second;
    if (before != nullptr && before->last >= first) {
      first = before->last + 1;
      continue;
    }
    const auto end = behind == ranges_.end() ? last : std::min(last, behind->first - 1);
    if (before != nullptr && before->last + 1 == first && before->at == at) {
      before->last = end;
    } else {
      ranges_.emplace(first, Range{.last = end, .at = at});
    }
    first = end + 1;
  }
  while (ranges_.size() > kRangesMax) ranges_.erase(ranges_.begin());
}

}  // namespace tributary::collector
