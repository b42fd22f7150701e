#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "collector/stream/kafka_figures.h"
#include "collector/stream/kafka_stream.h"
#include "shared/base/clock.h"
#include "shared/base/mutex.h"
#include "shared/observe/health.h"
#include "shared/observe/log_limiter.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// How the parts of a Kafka stream are. Each says it of itself; any thread.
class KafkaHealth {
 public:
  // The part can't work, or works with a warning, until it says otherwise.
  void down(const std::string& part, std::string why) { set(part, {false, std::move(why), false}); }
  void warn(const std::string& part, std::string why) { set(part, {true, std::move(why), true}); }
  void up(const std::string& part);
  // What an operator must know, for as long as the program runs; the last few are kept.
  void note(std::string text);

  [[nodiscard]] bool is_down(const std::string& part) const;
  [[nodiscard]] std::string detail(const std::string& part) const;
  [[nodiscard]] HealthCheck check() const;

 private:
  void set(const std::string& part, HealthCheck check);

  mutable Mutex mutex_;
  std::map<std::string, HealthCheck> parts_
      TRIBUTARY_GUARDED_BY(mutex_);  // those that aren't simply up
  std::vector<std::string> notes_ TRIBUTARY_GUARDED_BY(mutex_);
};

// One of the stream's two topics, as the keeper last saw it. Any thread.
struct KafkaTopic {
  std::string name;
  std::atomic<bool> exists = false;
  std::atomic<std::size_t> record_size_max = 0;  // max.message.bytes
  std::atomic<std::int64_t> retention_ms = -1;   // -1: no end
  std::atomic<std::int32_t> partitions = 0;
};

// Wakes the keeper: something is not as it saw it. Any thread.
class KafkaAlarm {
 public:
  void ring() {
    {
      const MutexLock lock(mutex_);
      ringing_ = true;
    }
    rung_.notify_all();
  }
  // Until somebody rings, the time is over or a stop is asked for. Whether somebody rang.
  bool wait(const std::stop_token& stop, std::chrono::milliseconds time) {
    MutexLock lock(mutex_);
    rung_.wait_for(lock, stop, time, [this]() TRIBUTARY_REQUIRES(mutex_) { return ringing_; });
    return std::exchange(ringing_, false);
  }

 private:
  Mutex mutex_;
  Condition rung_;
  bool ringing_ TRIBUTARY_GUARDED_BY(mutex_) = false;
};

// What all parts of one Kafka stream share.
struct KafkaContext {
  KafkaContext(KafkaStreamOptions given, const Clock& time, Metrics& metrics_)
      : options(std::move(given)), clock(time), metrics(metrics_), log(time) {
    events.name = options.topic;
    dead_letters.name = options.topic + ".dead";
  }

  const KafkaStreamOptions options;
  const Clock& clock;
  Metrics& metrics;
  LogLimiter log;
  KafkaHealth health;
  KafkaAlarm alarm;
  const std::shared_ptr<KafkaFigures> figures = std::make_shared<KafkaFigures>();
  KafkaTopic events;
  KafkaTopic dead_letters;
  // When the oldest record that is received and not settled was made; 0: there is none.
  std::atomic<std::int64_t> oldest_unsettled_ms = 0;

  [[nodiscard]] bool has_topics() const {
    return dead_letters.exists && (events.exists || options.dead_letters_only);
  }
};

}  // namespace tributary::collector
