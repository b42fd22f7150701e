#pragma once

#include <compare>
#include <cstdint>

namespace tributary {

// A record's position in one log: from 1, never reused. 0 is before the first record.
struct Sequence {
  std::uint64_t value = 0;

  auto operator<=>(const Sequence&) const = default;
  [[nodiscard]] Sequence next() const { return {value + 1}; }
};

// The sequences first, …, last; both belong to it.
struct SequenceRange {
  Sequence first;
  Sequence last;

  auto operator<=>(const SequenceRange&) const = default;
  [[nodiscard]] std::uint64_t count() const { return last.value - first.value + 1; }
  [[nodiscard]] bool contains(Sequence sequence) const {
    return first <= sequence && sequence <= last;
  }
};

}  // namespace tributary
