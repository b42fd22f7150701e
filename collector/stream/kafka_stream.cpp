#include "collector/stream/kafka_stream.h"

#include <utility>

#include "collector/stream/kafka_consumer.h"
#include "collector/stream/kafka_dead_letters.h"
#include "collector/stream/kafka_keeper.h"
#include "collector/stream/kafka_producer.h"
#include "shared/base/check.h"

namespace tributary::collector {
namespace {

constexpr std::uint64_t kNearlyFullPercent = 80;
constexpr std::int64_t kMsPerSecond = 1000;
constexpr std::int64_t kMsPerHour = 3'600'000;

class KafkaStream final : public Stream {
 public:
  KafkaStream(KafkaStreamOptions options, const Clock& clock, Metrics& metrics)
      : context_(std::move(options), clock, metrics),
        sender_(context_),
        dead_letters_(context_),
        keeper_(context_, [this] { sender_.renew(batch_size_max()); }) {
    show_queue(metrics, context_.figures, context_.options.pipeline);
  }

  std::unique_ptr<Producer> make_producer() override {
    CHECK(!context_.options.dead_letters_only);
    return std::make_unique<KafkaProducer>(context_, sender_, context_.events);
  }
  std::unique_ptr<Producer> make_dead_letter_producer() override {
    return std::make_unique<KafkaProducer>(context_, sender_, context_.dead_letters);
  }
  std::unique_ptr<Consumer> make_consumer() override {
    CHECK(!context_.options.dead_letters_only);
    return std::make_unique<KafkaConsumer>(context_);
  }

  Result<Account> account() const override { return keeper_.account(); }
  Result<std::vector<DeadLetter>> dead_letters(std::uint64_t after,
                                               std::size_t most) const override {
    return dead_letters_.list(after, most);
  }
  Result<std::uint64_t> last_dead_letter() const override { return dead_letters_.last(); }
  HealthCheck health() const override;

 private:
  std::size_t batch_size_max() const {
    const std::size_t dead_letters = context_.dead_letters.record_size_max;
    if (context_.options.dead_letters_only) return dead_letters;
    return std::min<std::size_t>(context_.events.record_size_max, dead_letters);
  }

  mutable KafkaContext context_;
  KafkaSender sender_;
  mutable KafkaDeadLetters dead_letters_;
  mutable KafkaKeeper keeper_;  // last: its thread uses the rest
};

HealthCheck KafkaStream::health() const {
  const auto percent = context_.figures->queue_bytes * 100 / context_.options.cluster.queue_size;
  if (percent > kNearlyFullPercent) {
    context_.health.warn("queue", "the queue to Kafka is " + std::to_string(percent) +
                                      " % full: its sources wait once it is full");
  } else {
    context_.health.up("queue");
  }
  const std::int64_t oldest = context_.oldest_unsettled_ms;
  const std::int64_t retention = context_.events.retention_ms;
  const auto age = context_.clock.now().seconds * kMsPerSecond - oldest;
  if (oldest > 0 && retention > 0 && age > retention / 2) {
    context_.health.warn("age", "the oldest record that is not stored yet is " +
                                    std::to_string(age / kMsPerHour) + " h old: the topic " +
                                    context_.events.name + " drops it after " +
                                    std::to_string(retention / kMsPerHour) + " h");
  } else {
    context_.health.up("age");
  }
  return context_.health.check();
}

}  // namespace

Result<std::unique_ptr<Stream>> open_kafka_stream(KafkaStreamOptions options, const Clock& clock,
                                                  Metrics& metrics) {
  TRIBUTARY_TRY(check_kafka_options(options.cluster));
  return std::make_unique<KafkaStream>(std::move(options), clock, metrics);
}

}  // namespace tributary::collector
