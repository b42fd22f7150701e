#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "collector/stream/kafka_reader.h"
#include "collector/stream/replay_marks.h"
#include "collector/stream/stream.h"
#include "shared/base/mutex.h"

namespace tributary::collector {

// Lists the dead letters of a stream: a record's offset + 1 is its sequence. Any thread; no lock is
// held while the cluster is asked.
class KafkaDeadLetters {
 public:
  explicit KafkaDeadLetters(KafkaContext& context) : context_(context) {}

  Result<std::vector<DeadLetter>> list(std::uint64_t after, std::size_t most);
  Result<std::uint64_t> last();

 private:
  [[nodiscard]] Result<void> wait_for_topic() const;
  // One that nobody uses; goes back to stay open for the next caller.
  Result<std::unique_ptr<KafkaReader>> take_reader();
  void give_back(std::unique_ptr<KafkaReader> reader);
  // Looks for marks in what came since the last time.
  Result<void> read_marks(KafkaReader& reader);
  Result<std::vector<DeadLetter>> read(KafkaReader& reader, std::uint64_t after, std::size_t most);
  [[nodiscard]] DeadLetter make_letter(const rd_kafka_message_t& message) const;

  KafkaContext& context_;
  ReplayMarks marks_;
  Mutex mutex_;
  std::unique_ptr<KafkaReader> idle_
      TRIBUTARY_GUARDED_BY(mutex_);  // null: none is open, or it is in use
};

}  // namespace tributary::collector
