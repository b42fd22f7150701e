#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "collector/stream/kafka_account.h"
#include "shared/base/mutex.h"
#include "shared/base/thread.h"

namespace tributary::collector {

// The thread that keeps a Kafka stream in order: sees to its topics, tries again with backoff while
// the cluster is away, and reads the account when somebody asks, and every few seconds. Everybody
// else hears of the cluster through the context, and waits for no answer of it here.
class KafkaKeeper {
 public:
  // `topics_seen` runs on the keeper's thread whenever the topics were found in order.
  KafkaKeeper(KafkaContext& context, std::function<void()> topics_seen);
  KafkaKeeper(const KafkaKeeper&) = delete;
  KafkaKeeper& operator=(const KafkaKeeper&) = delete;

  // As of a moment ago; waits for an answer, but not for long, and not at all while the cluster is
  // away: then it is what was known last. errc::unavailable: nothing is. Any thread.
  Result<Account> account();

 private:
  void run(const std::stop_token& stop);
  Result<void> look_after(KafkaClient& client, KafkaAccount& account);
  void show(const KafkaReading& reading);
  void report(const Result<void>& result);

  KafkaContext& context_;
  const std::function<void()> topics_seen_;
  std::chrono::nanoseconds looked_at_{};  // at the topics; the thread's, as is shown_
  std::int32_t shown_ = 0;                // partitions whose lag is among the metrics

  mutable Mutex mutex_;
  Condition answered_cv_;
  std::optional<Account> reading_ TRIBUTARY_GUARDED_BY(mutex_);      // the last one that succeeded
  std::chrono::nanoseconds read_at_ TRIBUTARY_GUARDED_BY(mutex_){};  // when it was asked for
  std::optional<Error> failure_ TRIBUTARY_GUARDED_BY(mutex_);        // of the last try
  std::uint64_t asked_ TRIBUTARY_GUARDED_BY(mutex_) = 0;             // questions so far
  std::uint64_t answered_ TRIBUTARY_GUARDED_BY(mutex_) = 0;  // those that a reading has begun after

  Thread thread_;  // last: it uses the rest
};

}  // namespace tributary::collector
