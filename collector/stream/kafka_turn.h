#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "collector/stream/stream.h"

namespace tributary::collector {

// One partition while it is this consumer's: how far it is received and settled, and the group's
// totals of it. Knows nothing of Kafka, but that offsets may be missing from a partition that lost
// nothing. One thread.
class KafkaTurn {
 public:
  // Where the partition stands when the turn begins.
  struct Beginning {
    std::int32_t partition = 0;
    std::uint64_t turn = 0;
    std::optional<std::uint64_t> committed;  // the next offset of the group; nothing: it has none
    Totals totals;                           // of what is before
    std::uint64_t low = 0;                   // the oldest offset that is kept
    std::uint64_t high = 0;                  // the offset behind the last one
  };
  explicit KafkaTurn(const Beginning& beginning);

  [[nodiscard]] std::uint64_t turn() const { return turn_; }
  // The next offset to be read.
  [[nodiscard]] std::uint64_t position() const { return received_; }
  // The group's position is not in the partition: it was made anew, or cut back.
  [[nodiscard]] bool is_anew() const { return is_anew_; }

  // What was lost before position(), each range once.
  std::vector<Batch::Span> take_missing();

  // A record came. False: it came before. `timestamp_ms`: when it was made. Offsets between it and
  // the last one hold no record, unless something damaged came in between.
  bool receive(std::uint64_t offset, std::int64_t timestamp_ms);
  // What comes next could not be read: the offsets up to the next record are lost.
  void lose_next() { loses_next_ = true; }

  // All that was received since the last call, as one span; nothing when nothing was.
  std::optional<Batch::Span> take_span();

  // The totals once the span has come to these ends. CHECKs that it is the next one to settle.
  [[nodiscard]] Totals totals_after(const Batch::Span& span, const Totals& ends) const;
  // The span is settled, and that is durable with these totals.
  void settle(const Batch::Span& span, const Totals& totals);

  // When the oldest record was made that is received and not settled.
  [[nodiscard]] std::optional<std::int64_t> oldest_ms() const;

 private:
  struct Unsettled {
    std::uint64_t last;
    std::int64_t oldest_ms;
  };

  const std::int32_t partition_;
  const std::uint64_t turn_;
  bool is_anew_ = false;
  bool loses_next_ = false;
  std::uint64_t received_ = 0;  // before here
  std::uint64_t spanned_ = 0;   // likewise: those are in a batch
  std::uint64_t settled_ = 0;   // likewise
  std::vector<Batch::Span> missing_;
  std::int64_t oldest_ms_ = 0;  // of what is received and in no span
  std::deque<Unsettled> unsettled_;
  Totals totals_;
};

}  // namespace tributary::collector
