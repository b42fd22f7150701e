#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/mutex.h"
#include "shared/base/timestamp.h"
#include "shared/log/envelope.h"

namespace tributary::collector {

// The reason of the records among the dead letters that mark others as replayed.
inline constexpr std::string_view kReplayedReason = "replayed";

// What the details of marks say of these offsets (ascending): ranges such as "3-7,9", one text for
// each mark, none longer than the detail of a dead letter may be.
std::vector<std::string> replay_mark_texts(std::span<const std::uint64_t> offsets);
// The mark itself, to be appended to the dead letters: it points to `offsets`, and counts as a
// letter of a record that was in the stream, so in no total.
Envelope replay_mark(std::string_view offsets, Timestamp at);

// Which dead letters of one stream were replayed, and when: what the marks say that were read so
// far. The first mark of a letter counts. Holds kRangesMax ranges; beyond that the oldest letters
// are forgotten: a replay would take them again, and the store would call them duplicates. Any
// thread.
class ReplayMarks {
 public:
  static constexpr std::size_t kRangesMax = 65'536;

  struct Mark {
    std::string offsets;  // ranges; what is none is passed over
    Timestamp at;
  };

  // How far the stream's letters were looked through for marks: a place of the stream's own.
  [[nodiscard]] std::uint64_t position() const;
  // The marks that stand between position() and `position`. Those taken before may come again.
  void take(std::span<const Mark> marks, std::uint64_t position);
  // The stream was made anew.
  void clear();

  [[nodiscard]] std::optional<Timestamp> find(std::uint64_t offset) const;

 private:
  struct Range {
    std::uint64_t last = 0;
    Timestamp at;
  };

  void add(std::uint64_t first, std::uint64_t last, Timestamp at) TRIBUTARY_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::uint64_t position_ TRIBUTARY_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, Range> ranges_
      TRIBUTARY_GUARDED_BY(mutex_);  // by their first offsets; none overlaps another
};

}  // namespace tributary::collector
