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

thread_local void* self = nullptr;  // the Actor

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
  self = &actors_.emplace_back();
  install_scheduler(this);
}

BatonScheduler::~BatonScheduler() {
  install_scheduler(nullptr);
  CHECK(std::all_of(actors_.begin() + 1, actors_.end(),
                    [](const auto& actor) { return actor.ended; }));
}

void BatonScheduler::wait(const void* what, Time deadline) {
  auto& actor = *static_cast<Actor*>(self);
  actor.waiting = deadline > now_;
  actor.what = what;
  actor.deadline = deadline;
  ++actor.waits;
  hand_over(actor, false);
}

void BatonScheduler::wake(const void* what) {
  for (auto& actor : actors_) {
    if (actor.waiting && actor.what == what) actor.waiting = false;
  }
}

Scheduler::ThreadId BatonScheduler::add_thread() { return &actors_.emplace_back(); }

void BatonScheduler::begin_thread(ThreadId id) {
  self = id;
  auto& actor = *static_cast<Actor*>(id);
  actor.turn.acquire();
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  actor.name = name.data();
}

void BatonScheduler::end_thread(ThreadId id) {
  auto& actor = *static_cast<Actor*>(id);
  actor.ended = true;
  wake(&actor);
  hand_over(actor, true);
}

void BatonScheduler::await_thread(ThreadId id) {
  const auto& actor = *static_cast<Actor*>(id);
  while (!actor.ended) wait(&actor, kNever);
}

std::string BatonScheduler::busiest() const {
  const auto& actor = *std::ranges::max_element(actors_, {}, &Actor::waits);
  return actor.name + " " + std::to_string(actor.waits);
}

void BatonScheduler::at(Time when, std::function<void()> action) {
  timers_.emplace(when, std::move(action));
}

// Once another one has the baton, nothing but `from` may be touched.
void BatonScheduler::hand_over(Actor& from, bool ends) {
  ++hand_overs_;
  now_ += time_between(0ns, kStepMost);
  auto& to = pick();
  if (&to == &from) return;
  to.turn.release();
  if (!ends) from.turn.acquire();
}

BatonScheduler::Actor& BatonScheduler::pick() {
  for (;;) {
    while (!timers_.empty() && timers_.begin()->first <= now_) {
      const auto action = std::move(timers_.extract(timers_.begin()).mapped());
      action();
    }
    ready_.clear();
    for (auto& actor : actors_) {
      if (actor.waiting && actor.deadline <= now_) actor.waiting = false;
      if (!actor.waiting && !actor.ended) ready_.push_back(&actor);
    }
    if (!ready_.empty()) return *ready_[random_() % ready_.size()];
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
