#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace tributary {

// Decides which thread runs, when each wait ends, and what chance brings. There is none in the
// programs: the operating system does that. A simulation installs one, which lets one thread run at
// a time, in an order and with random numbers that follow from a seed: it can repeat any run of the
// real code. Mutex, Condition, Thread, sleep_for() and fill_random() are where it takes hold.
class Scheduler {
 public:
  using Time = std::chrono::nanoseconds;
  using ThreadId = void*;  // the scheduler's own name of a thread
  static constexpr Time kNever = Time::max();

  virtual ~Scheduler() = default;

  // The calling thread lets others run until wake(what), or until `deadline`.
  virtual void wait(const void* what, Time deadline) = 0;
  virtual void wake(const void* what) = 0;
  virtual Time now() const = 0;
  virtual std::uint64_t random() = 0;

  // A thread that the caller is about to start; the first and the last thing that it calls itself;
  // and what who joins it calls first.
  virtual ThreadId add_thread() = 0;
  virtual void begin_thread(ThreadId id) = 0;
  virtual void end_thread(ThreadId id) = 0;
  virtual void await_thread(ThreadId id) = 0;
};

namespace detail {
inline std::atomic<Scheduler*> scheduler = nullptr;
}

// The one that is installed; null in the programs.
inline Scheduler* scheduler() { return detail::scheduler.load(std::memory_order_acquire); }
// While no other thread runs.
inline void install_scheduler(Scheduler* scheduler) { detail::scheduler = scheduler; }

}  // namespace tributary
