#pragma once

#include <vector>

#include "collector/stream/settlement.h"
#include "collector/stream/stream.h"

namespace tributary::collector {

// The way out of an embedded stream: reads on from where the group's cursor stands.
class EmbeddedConsumer final : public Consumer {
 public:
  EmbeddedConsumer(const Log& log, Settlement& settlement);

  Result<Batch> receive(BatchLimit limit, std::chrono::milliseconds wait) override;
  Result<void> settle(const Batch& batch, std::span<const Outcome> outcomes) override;
  void keep_alive() override {}  // nobody else takes what is its own

 private:
  // The last sequence of what is released without a gap after `after`.
  [[nodiscard]] Sequence skip_released(Sequence after) const;
  // Takes away what is beyond the gap between two ranges that are released.
  void keep_gap(Sequence after, Records& records) const;

  const Log& log_;
  Settlement& settlement_;
  std::vector<SequenceRange> released_;  // beyond the prefix, when this consumer began
  Sequence received_;                    // through here
  Sequence settled_;                     // through here
};

}  // namespace tributary::collector
