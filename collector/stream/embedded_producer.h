#pragma once

#include <vector>

#include "collector/stream/committer.h"
#include "collector/stream/rejected_count.h"
#include "collector/stream/stream.h"
#include "shared/base/bytes.h"

namespace tributary::collector {

// The way into one log of an embedded stream. Deliveries come in the order of the appends, and none
// ever carries an error: what is in the log waits until the disk takes it.
class EmbeddedProducer final : public Producer {
 public:
  // `rejected` is null for the log that isn't the dead letters'; what is too large for theirs is
  // cut.
  EmbeddedProducer(Log& log, Committer& committer, RejectedCount* rejected);

  Result<void> append(const Record& record) override;
  std::vector<Delivery> poll(std::chrono::milliseconds wait) override;

 private:
  struct InFlight {
    Sequence sequence;
    std::uint64_t token;
  };

  Result<Sequence> append_encoded(const Envelope& envelope);
  Result<Sequence> append_dead_letter(const Envelope& envelope);

  Log& log_;
  Committer& committer_;
  RejectedCount* const rejected_;
  Bytes encoded_;                    // of the last record: its room is used again
  std::vector<InFlight> in_flight_;  // ascending; at most kInFlightMax
};

}  // namespace tributary::collector
