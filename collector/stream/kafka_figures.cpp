#include "collector/stream/kafka_figures.h"

#include <utility>

namespace tributary::collector {

void KafkaFigures::set_lags(std::map<std::int32_t, std::uint64_t> lags) {
  const MutexLock lock(mutex_);
  lags_ = std::move(lags);
}

double KafkaFigures::lag(std::int32_t partition) const {
  const MutexLock lock(mutex_);
  const auto found = lags_.find(partition);
  return found == lags_.end() ? 0 : static_cast<double>(found->second);
}

void show_queue(Metrics& metrics, const std::shared_ptr<KafkaFigures>& figures,
                const std::string& pipeline) {
  metrics.observe(Metrics::Kind::gauge, "tributary_kafka_producer_queue_records",
                  "Records on their way to Kafka", {{"pipeline", pipeline}},
                  [figures] { return static_cast<double>(figures->queue_records); });
  metrics.observe(Metrics::Kind::gauge, "tributary_kafka_producer_queue_bytes",
                  "Bytes on their way to Kafka, with what it takes to keep them",
                  {{"pipeline", pipeline}},
                  [figures] { return static_cast<double>(figures->queue_bytes); });
}

void show_lag(Metrics& metrics, const std::shared_ptr<KafkaFigures>& figures,
              const std::string& pipeline, const std::string& topic, std::int32_t partition) {
  metrics.observe(
      Metrics::Kind::gauge, "tributary_kafka_consumer_lag_records",
      "Records of a partition that the group has not settled",
      {{"pipeline", pipeline}, {"topic", topic}, {"partition", std::to_string(partition)}},
      [figures, partition] { return figures->lag(partition); });
}

}  // namespace tributary::collector
