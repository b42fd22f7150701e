#include "edge/committer.h"

#include <algorithm>
#include <utility>

namespace tributary::edge {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

Committer::Committer(std::vector<Buffer*> buffers, const Clock& clock,
                     std::chrono::milliseconds every, std::function<void()> committed)
    : buffers_(std::move(buffers)),
      clock_(clock),
      every_(every),
      committed_(std::move(committed)) {}

void Committer::appended(Buffer& buffer) {
  if (every_ == 0ms && buffer.commit()) return committed_();
  const MutexLock lock(mutex_);
  if (!std::exchange(dirty_, true)) something_.notify_one();
}

void Committer::hurry() {
  const MutexLock lock(mutex_);
  dirty_ = hurry_ = true;
  something_.notify_one();
}

void Committer::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      MutexLock lock(mutex_);
      something_.wait(lock, stop, [this]() TRIBUTARY_REQUIRES(mutex_) { return dirty_; });
      something_.wait_for(lock, stop, every_,
                          [this]() TRIBUTARY_REQUIRES(mutex_) { return hurry_; });
      dirty_ = hurry_ = false;
    }
    if (commit_all()) continue;
    MutexLock lock(mutex_);
    something_.wait_for(lock, stop, until_due(), [] { return false; });
    dirty_ = true;
  }
  commit_all();
}

bool Committer::commit_all() {
  const Pulse::Round round(pulse_);
  bool all = true;
  bool some = false;
  for (auto* buffer : buffers_) {
    if (!buffer->pending()) continue;
    const bool done = buffer->commit();
    all = all && done;
    some = some || done;
  }
  if (some) committed_();
  return all;
}

nanoseconds Committer::until_due() const {
  nanoseconds due = clock_.monotonic() + 10s;
  for (const auto* buffer : buffers_) {
    if (buffer->pending()) due = std::min(due, buffer->commit_due());
  }
  return std::max<nanoseconds>(due - clock_.monotonic(), 10ms);
}

}  // namespace tributary::edge
