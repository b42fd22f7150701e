#include "collector/stream/committer.h"

#include <algorithm>
#include <utility>

#include "shared/base/backoff.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

constexpr std::chrono::milliseconds kRetryLeast{10};
constexpr std::chrono::milliseconds kRetryMost{2000};

}  // namespace

Committer::Committer(Log& log, RejectedCount* rejected)
    : log_(log),
      rejected_(rejected),
      durable_(log.stats().committed.value),
      thread_("committer", [this](const std::stop_token& stop) { run(stop); }) {}

void Committer::wake() {
  if (appended_.exchange(true)) return;
  // The lock: the committer must not miss this between its look at appended_ and its wait.
  {
    const MutexLock lock(mutex_);
  }
  work_.notify_one();
}

Sequence Committer::wait_durable(Sequence wanted, std::chrono::milliseconds time) const {
  if (durable() < wanted && time.count() > 0) {
    MutexLock lock(mutex_);
    published_.wait_for(lock, time, [&] { return durable() >= wanted; });
  }
  return durable();
}

std::optional<std::string> Committer::failure() const {
  const MutexLock lock(mutex_);
  return failure_;
}

void Committer::run(const std::stop_token& stop) {
  Backoff backoff(kRetryLeast, kRetryMost);
  while (!stop.stop_requested()) {
    {
      MutexLock lock(mutex_);
      if (!work_.wait(lock, stop, [this] { return appended_.load(); })) return;
    }
    appended_ = false;
    const auto result = commit();
    if (result) {
      set_failure(std::nullopt);
      backoff.reset();
      continue;
    }
    set_failure(result.error().message());
    appended_ = true;
    MutexLock lock(mutex_);
    work_.wait_for(lock, stop, backoff.next(), [] { return false; });
  }
}

Result<void> Committer::commit() {
  TRIBUTARY_ASSIGN(const Sequence through, log_.commit());
  if (rejected_ != nullptr) rejected_->committed(through);
  publish(through);
  if (rejected_ != nullptr) TRIBUTARY_TRY(rejected_->save());
  return {};
}

void Committer::publish(Sequence through) {
  {
    const MutexLock lock(mutex_);
    durable_.store(through.value, std::memory_order_release);
  }
  published_.notify_all();
}

void Committer::set_failure(std::optional<std::string> reason) {
  const MutexLock lock(mutex_);
  if (reason && !failure_) log_error("stream", "records wait for the disk: " + *reason);
  if (!reason && failure_) log_info("stream", "the disk takes records again");
  failure_ = std::move(reason);
}

}  // namespace tributary::collector
