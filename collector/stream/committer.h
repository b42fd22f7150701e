#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "collector/stream/rejected_count.h"
#include "shared/base/mutex.h"
#include "shared/base/sequence.h"
#include "shared/base/thread.h"
#include "shared/log/log.h"

namespace tributary::collector {

// Makes durable what producers append to one log, on a thread of its own: a commit starts with the
// first append, and what is appended while it runs goes with the next one. When the disk refuses,
// it tries again with backoff, for ever; until then nothing is durable and nothing is lost.
//
// Any thread may call. Ending it does not commit: what no producer was told is nobody's promise.
class Committer {
 public:
  // `rejected` may be null; it learns of every commit before any producer does.
  Committer(Log& log, RejectedCount* rejected);
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // After each append to the log. Almost always one atomic exchange.
  void wake();

  [[nodiscard]] Sequence durable() const { return {durable_.load(std::memory_order_acquire)}; }
  // Waits until `wanted` is durable or the time is over; what is durable then.
  Sequence wait_durable(Sequence wanted, std::chrono::milliseconds time) const;

  // Why the last try failed; nothing while commits succeed.
  [[nodiscard]] std::optional<std::string> failure() const;

 private:
  void run(const std::stop_token& stop);
  Result<void> commit();
  void publish(Sequence through);
  void set_failure(std::optional<std::string> reason);

  Log& log_;
  RejectedCount* const rejected_;
  std::atomic<bool> appended_ = false;  // since the last commit began
  std::atomic<std::uint64_t> durable_;

  mutable Mutex mutex_;
  Condition work_;               // appended_ became true
  mutable Condition published_;  // durable_ grew
  std::optional<std::string> failure_ TRIBUTARY_GUARDED_BY(mutex_);

  Thread thread_;  // last: it uses the rest
};

}  // namespace tributary::collector
