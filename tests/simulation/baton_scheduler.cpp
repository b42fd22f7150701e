#include "tests/simulation/baton_scheduler.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>

#include "shared/base/check.h"

namespace tributary::simulation {
namespace {

using namespace std::chrono_literals;

constexpr auto kStepMost = 20us;  // what a thread does between two waits takes up to so long

thread_local Scheduler::ThreadId self = 0;

// One thread runs at a time: on one core a hand-over is a switch, not a wake-up of another core.
void stay_on_this_core() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(std::max(0, sched_getcpu())), &cores);
  sched_setaffinity(0, sizeof cores, &cores);
}

}  // namespace

BatonScheduler::BatonScheduler(std::uint64_t seed) : random_(seed) {
  stay_on_this_core();
  actors_.emplace_back();
  self = 0;
  install_scheduler(this);
}

BatonScheduler::~BatonScheduler() {
  install_scheduler(nullptr);
  CHECK(std::all_of(actors_.begin() + 1, actors_.end(),
                    [](const auto& actor) { return actor.ended; }));
}

void BatonScheduler::wait(const void* what, Time deadline) {
  auto& actor = actors_[self];
  actor.waiting = deadline > now_;
  actor.what = what;
  actor.deadline = deadline;
  ++actor.waits;
  hand_over(self, false);
}

void BatonScheduler::wake(const void* what) {
  for (auto& actor : actors_) {
    if (actor.waiting && actor.what == what) actor.waiting = false;
  }
}

Scheduler::ThreadId BatonScheduler::add_thread() {
  actors_.emplace_back();
  return actors_.size() - 1;
}

void BatonScheduler::begin_thread(ThreadId id) {
  self = id;
  actors_[id].turn.acquire();
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  actors_[id].name = name.data();
}

void BatonScheduler::end_thread(ThreadId id) {
  actors_[id].ended = true;
  wake(&actors_[id]);
  hand_over(id, true);
}

void BatonScheduler::await_thread(ThreadId id) {
  while (!actors_[id].ended) wait(&actors_[id], kNever);
}

std::string BatonScheduler::busiest() const {
  const auto& actor = *std::ranges::max_element(actors_, {}, &Actor::waits);
  return actor.name + " " + std::to_string(actor.waits);
}

void BatonScheduler::at(Time when, std::function<void()> action) {
  timers_.emplace(when, std::move(action));
}

void BatonScheduler::hand_over(ThreadId from, bool ends) {
  ++hand_overs_;
  now_ += time_between(0ns, kStepMost);
  const auto to = pick();
  if (to == from) return;
  running_ = to;
  actors_[to].turn.release();
  if (!ends) actors_[from].turn.acquire();
}

Scheduler::ThreadId BatonScheduler::pick() {
  for (;;) {
    while (!timers_.empty() && timers_.begin()->first <= now_) {
      const auto action = std::move(timers_.extract(timers_.begin()).mapped());
      action();
    }
    ready_.clear();
    for (ThreadId id = 0; id < actors_.size(); ++id) {
      auto& actor = actors_[id];
      if (actor.waiting && actor.deadline <= now_) actor.waiting = false;
      if (!actor.waiting && !actor.ended) ready_.push_back(id);
    }
    if (!ready_.empty()) return ready_[random_() % ready_.size()];
    pass_time();
  }
}

void BatonScheduler::pass_time() {
  auto next = timers_.empty() ? kNever : timers_.begin()->first;
  for (const auto& actor : actors_) {
    if (!actor.ended) next = std::min(next, actor.deadline);
  }
  CHECK(next != kNever);  // else all threads wait for each other, for ever
  now_ = std::max(now_, next);
}

bool BatonScheduler::chance(double probability) {
  return static_cast<double>(random_() >> 11U) * 0x1.0p-53 < probability;
}

std::uint64_t BatonScheduler::between(std::uint64_t least, std::uint64_t most) {
  return least + random_() % (most - least + 1);
}

Scheduler::Time BatonScheduler::time_between(Time least, Time most) {
  return Time(static_cast<Time::rep>(between(static_cast<std::uint64_t>(least.count()),
                                             static_cast<std::uint64_t>(most.count()))));
}

}  // namespace tributary::simulation
