#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <semaphore>
#include <string>
#include <vector>

#include "shared/base/clock.h"
#include "shared/base/scheduler.h"

namespace tributary::simulation {

// Threads hand a baton on: only its holder runs, and where it waits chance picks the next one of
// those that can go on. Time passes when none can, up to the next deadline or timer (and a little
// with each hand-over). The seed decides everything: one seed, one run.
//
// The thread that makes it is its first one, and the last to end. Installed while it lives.
class BatonScheduler final : public Scheduler {
 public:
  explicit BatonScheduler(std::uint64_t seed);
  ~BatonScheduler() override;
  BatonScheduler(const BatonScheduler&) = delete;
  BatonScheduler& operator=(const BatonScheduler&) = delete;

  void wait(const void* what, Time deadline) override;
  void wake(const void* what) override;
  Time now() const override { return now_; }
  std::uint64_t random() override { return random_(); }
  ThreadId add_thread() override;
  void begin_thread(ThreadId id) override;
  void end_thread(ThreadId id) override;
  void await_thread(ThreadId id) override;

  [[nodiscard]] std::uint64_t hand_overs() const { return hand_overs_; }
  // The name of the thread that has waited most often, and how often.
  [[nodiscard]] std::string busiest() const;

  // Runs it at that time, on the thread that waits then: it must not wait itself.
  void at(Time when, std::function<void()> action);

  // What chance says. Ranges include both ends.
  bool chance(double probability);
  std::uint64_t between(std::uint64_t least, std::uint64_t most);
  Time time_between(Time least, Time most);

 private:
  struct Actor {
    std::binary_semaphore turn{0};
    bool waiting = false;
    bool ended = false;
    const void* what = nullptr;
    Time deadline{};
    std::string name;
    std::uint64_t waits = 0;
  };

  Actor& pick();
  void pass_time();
  void hand_over(Actor& from, bool ends);

  std::mt19937_64 random_;
  std::deque<Actor> actors_;
  std::multimap<Time, std::function<void()>> timers_;
  Time now_{std::chrono::hours(1)};
  std::uint64_t hand_overs_ = 0;
  std::vector<Actor*> ready_;  // pick()'s, kept for its memory
};

// The time of a simulation, as its processes see it.
class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(const BatonScheduler& scheduler) : scheduler_(scheduler) {}
  Timestamp now() const override {
    return Timestamp::from_unix_nanoseconds(1'769'000'000'000'000'000 + scheduler_.now().count());
  }
  std::chrono::nanoseconds monotonic() const override { return scheduler_.now(); }

 private:
  const BatonScheduler& scheduler_;
};

}  // namespace tributary::simulation
