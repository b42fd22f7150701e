#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "shared/base/mutex.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// What a Kafka stream shows in the program's metrics. The metrics keep it, and outlive the stream.
// Any thread.
class KafkaFigures {
 public:
  // On their way to Kafka: what the stream goes by, too.
  std::atomic<std::size_t> queue_records = 0;
  std::atomic<std::size_t> queue_bytes = 0;

  void set_lags(std::map<std::int32_t, std::uint64_t> lags);
  [[nodiscard]] double lag(std::int32_t partition) const;  // 0 for one that isn't known

 private:
  mutable Mutex mutex_;
  std::map<std::int32_t, std::uint64_t> lags_ TRIBUTARY_GUARDED_BY(mutex_);
};

// Shows the queue, from now on.
void show_queue(Metrics& metrics, const std::shared_ptr<KafkaFigures>& figures,
                const std::string& pipeline);
// Shows the lag of one more partition.
void show_lag(Metrics& metrics, const std::shared_ptr<KafkaFigures>& figures,
              const std::string& pipeline, const std::string& topic, std::int32_t partition);

}  // namespace tributary::collector
