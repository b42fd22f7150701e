#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <vector>

#include "edge/buffer.h"
#include "shared/base/clock.h"
#include "shared/base/mutex.h"
#include "shared/base/pulse.h"

namespace tributary::edge {

// Makes samples durable: a disk may take its time for that, and sampling goes on meanwhile. run()
// belongs to a thread of its own; the sampler's thread calls appended() and hurry().
class Committer {
 public:
  // A commit follows each sample by `every` at most; zero: each sample at once, on the sampler's
  // thread. `committed` is called after each successful commit, on the thread that did it.
  Committer(std::vector<Buffer*> buffers, const Clock& clock, std::chrono::milliseconds every,
            std::function<void()> committed);

  // A sample was taken by that buffer.
  void appended(Buffer& buffer);
  // Somebody waits: commit without delay.
  void hurry();

  // Until a stop, and once more after it.
  void run(const std::stop_token& stop);
  // Commits what every buffer has; false when something is left.
  bool commit_all();
  // For how long it has been committing: a disk may hang. Any thread.
  [[nodiscard]] std::chrono::nanoseconds busy() const { return pulse_.busy(); }

 private:
  [[nodiscard]] std::chrono::nanoseconds until_due() const;

  const std::vector<Buffer*> buffers_;
  const Clock& clock_;
  const std::chrono::milliseconds every_;
  const std::function<void()> committed_;
  Pulse pulse_{clock_};

  Mutex mutex_;
  Condition something_;
  bool dirty_ TRIBUTARY_GUARDED_BY(mutex_) = false;
  bool hurry_ TRIBUTARY_GUARDED_BY(mutex_) = false;
};

}  // namespace tributary::edge
