#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "edge/publish/publisher.h"
#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/mutex.h"
#include "shared/log/log.h"
#include "shared/log/position.h"
#include "shared/observe/health.h"

namespace tributary::edge {

inline constexpr const char* kPublisherCursor = "publisher";

struct OutboxOptions {
  std::size_t batch_size = 64U << 10;           // bytes; an event over it travels alone
  std::chrono::milliseconds batch_wait{50};     // for more events, from the first one on
  std::chrono::milliseconds release_wait{100};  // between two durable steps of the cursor
};

// The way of one log's records to the collector: forms batches of contiguous sequences, publishes
// each once, and again what is lost, and releases what is durable. Between two calls it holds
// sequences only: records stay in the log.
//
// The publishing thread alone calls it, except counts() and health(). The log must have the cursor
// kPublisherCursor and must outlive it.
class Outbox {
 public:
  struct Counts {
    std::uint64_t published = 0;    // records that are durable at the collector
    std::uint64_t rejected = 0;     // … of these, put among its dead letters
    std::uint64_t undecodable = 0;  // records without a readable envelope: passed over
    std::uint64_t resent_batches = 0;
  };

  Outbox(std::string pipeline, Log& log, const Clock& clock, OutboxOptions options);

  [[nodiscard]] const Id& log() const { return log_.id(); }

  // Publishes one batch, when there is one and the publisher takes it: what was lost first, in
  // order. `flush`: without waiting for more events. False when nothing was published.
  bool publish_one(Publisher& publisher, bool flush);
  [[nodiscard]] bool has_lost() const { return !lost_.empty(); }

  // A word on records of this log. Ranges that were never published are ignored.
  void settle(const Delivery& delivery);

  // Writes to the cursor what is durable, when that is due or `now_please`.
  void release(bool now_please);

  // When something is to be done that no word of the publisher brings about.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> next_due() const;

  // Every committed record is released.
  [[nodiscard]] bool empty() const;

  // Any thread.
  [[nodiscard]] Counts counts() const;
  // The parts that this is about: publishing from the log and releasing in it. Any thread.
  [[nodiscard]] HealthCheck health() const;

 private:
  struct Formed {
    Batch batch;
    bool complete = false;  // waiting would not make it longer
  };

  Result<std::optional<Formed>> form(SequenceRange wanted);
  bool publish_lost(Publisher& publisher);
  bool publish_new(Publisher& publisher, bool flush);
  bool hand_over(Publisher& publisher, Formed formed);
  void too_large(const Batch& batch, const Error& error);
  void skip_missing(const std::vector<SequenceRange>& missing);
  void tell_damage(SequenceRange range) const;
  void mark_done(SequenceRange range);
  void stall(const std::string& why);
  void set_trouble(std::string Outbox::* which, const std::string& why);

  const std::string pipeline_;
  Log& log_;
  const Clock& clock_;
  const OutboxOptions options_;
  std::size_t batch_size_;  // options_.batch_size, less when the broker takes no such packets

  Position done_;                       // released or waiting for it: never to be sent again
  std::vector<SequenceRange> waiting_;  // durable, not yet released
  std::vector<SequenceRange> lost_;     // to be sent again
  Sequence sent_through_;               // what is after it was never sent
  std::optional<std::chrono::nanoseconds> first_seen_;  // when there was something new to send
  std::chrono::nanoseconds released_at_{};
  std::chrono::nanoseconds release_not_before_{};
  std::chrono::nanoseconds stalled_until_{};
  Backoff release_backoff_;
  Backoff stall_backoff_;

  std::atomic<std::uint64_t> published_ = 0;
  std::atomic<std::uint64_t> rejected_ = 0;
  std::atomic<std::uint64_t> undecodable_ = 0;
  std::atomic<std::uint64_t> resent_batches_ = 0;
  mutable Mutex trouble_mutex_;
  std::string publish_trouble_
      TRIBUTARY_GUARDED_BY(trouble_mutex_);  // why nothing is published; empty: it is
  std::string release_trouble_ TRIBUTARY_GUARDED_BY(trouble_mutex_);
};

}  // namespace tributary::edge
