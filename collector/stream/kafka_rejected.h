#pragma once

#include <cstdint>
#include <memory>

#include "collector/stream/kafka_reader.h"

namespace tributary::collector {

// How many dead letters were rejected at ingest (they tell of no partition and offset), ever: the
// topic forgets its oldest records, the count stays, as metadata of a commit (TOTALS.md). Thread of
// the keeper.
class KafkaRejectedCount {
 public:
  explicit KafkaRejectedCount(KafkaContext& context) : context_(context) {}

  // The count of those before the offset `end`, at least. errc::unknown_version for the count of a
  // newer program.
  Result<std::uint64_t> count(std::int64_t end);

 private:
  Result<void> load();
  // After a failure it stays unsaved until the next time: more is counted again then.
  void save();

  KafkaContext& context_;
  std::unique_ptr<KafkaReader> reader_;  // null until it is needed
  bool is_loaded_ = false;
  std::int64_t position_ = 0;  // counted before here
  std::uint64_t count_ = 0;
  std::int64_t saved_position_ = 0;
  std::uint64_t saved_count_ = 0;
  std::chrono::nanoseconds saved_at_{};
};

}  // namespace tributary::collector
