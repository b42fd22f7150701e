#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "collector/stream/kafka_reader.h"
#include "collector/stream/stream.h"
#include "shared/base/mutex.h"

namespace tributary::collector {

// Lists the dead letters of a stream: a record's offset + 1 is its sequence. Any thread; one list
// at a time.
class KafkaDeadLetters {
 public:
  explicit KafkaDeadLetters(KafkaContext& context) : context_(context) {}

  Result<std::vector<DeadLetter>> list(std::uint64_t after, std::size_t most);

 private:
  [[nodiscard]] Result<void> wait_for_topic() const;

  KafkaContext& context_;
  Mutex mutex_;
  std::unique_ptr<KafkaReader> reader_ TRIBUTARY_GUARDED_BY(mutex_);  // null until somebody asks
};

}  // namespace tributary::collector
