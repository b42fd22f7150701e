#include "edge/sampler.h"

#include <algorithm>
#include <utility>

#include "shared/base/mutex.h"
#include "shared/observe/logging.h"

namespace tributary::edge {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr auto kCommitWait = 5ms;
constexpr auto kDeliveryWait = 50ms;
constexpr std::uint64_t kFailuresTold = 10;  // then each thousandth

// For the heap, whose top is its greatest.
constexpr auto kDueLater = [](const auto* a, const auto* b) { return a->due > b->due; };

}  // namespace

HealthCheck Sampler::SensorStatus::health() const {
  // A recording that has ended did what it could.
  if (failing && !ended) return {.up = false, .detail = error};
  if (failures == 0) return {.detail = ended ? "the recording was read" : ""};
  return {.detail = std::to_string(failures) + " samples failed, the last one: " + error,
          .warning = true};
}

Sampler::Sampler(std::vector<Feed> feeds, Committer& committer, const Clock& clock)
    : committer_(committer), clock_(clock) {
  const auto now = clock_.monotonic();
  for (auto& feed : feeds) {
    auto& entry = *entries_.emplace_back(std::make_unique<Entry>());
    entry.feed = std::move(feed);
    entry.scheduled = entry.due = now;
    entry.status.name = entry.feed.name;
    entry.status.ended = !entry.feed.sensor->interval();
    if (!entry.status.ended) heap_.push_back(&entry);
  }
  std::ranges::make_heap(heap_, kDueLater);
}

std::optional<nanoseconds> Sampler::step() {
  const Pulse::Round round(pulse_);
  const auto now = clock_.monotonic();
  if (!heap_.empty() && heap_.front()->due <= now) {
    std::ranges::pop_heap(heap_, kDueLater);
    auto& entry = *heap_.back();
    heap_.pop_back();
    take(entry, now);
    if (!entry.status.ended) {
      heap_.push_back(&entry);
      std::ranges::push_heap(heap_, kDueLater);
    }
  }
  if (heap_.empty()) return std::nullopt;
  return heap_.front()->due;
}

void Sampler::take(Entry& entry, nanoseconds now) {
  if (!entry.held && !sample(entry)) return schedule(entry, now);
  switch (entry.feed.buffer->take(*entry.held)) {
    case Buffer::Taken::yes: {
      committer_.appended(*entry.feed.buffer);
      const MutexLock lock(mutex_);
      ++entry.status.samples;
      break;
    }
    case Buffer::Taken::dropped:
      break;
    case Buffer::Taken::wait_for_commit:
      committer_.hurry();
      entry.due = now + kCommitWait;
      return;
    case Buffer::Taken::wait_for_delivery:
      // What is pending counts as used room until it is committed and delivered.
      committer_.hurry();
      entry.due = now + kDeliveryWait;
      return;
  }
  entry.held.reset();
  schedule(entry, now);
}

bool Sampler::sample(Entry& entry) {
  auto reading = entry.feed.sensor->sample(clock_.now());
  const MutexLock lock(mutex_);
  auto& status = entry.status;
  status.failing = !reading;
  if (reading) {
    entry.held = std::move(reading->json);
    return true;
  }
  status.error = reading.error().message();
  ++status.failures;
  if (status.failures <= kFailuresTold || status.failures % 1000 == 0) {
    log_warning("sampler", status.error, {{"sensor", status.name}, {"failures", status.failures}});
  }
  return false;
}

void Sampler::schedule(Entry& entry, nanoseconds now) {
  const auto interval = entry.feed.sensor->interval();
  const MutexLock lock(mutex_);
  if (!interval) {
    entry.status.ended = true;
    log_info("sampler", "the recording was read",
             {{"sensor", entry.status.name},
              {"samples", entry.status.samples},
              {"failures", entry.status.failures}});
    return;
  }
  entry.scheduled += *interval;
  if (*interval == 0ns) {
    entry.scheduled = now;
  } else if (entry.scheduled < now && entry.feed.sensor->skips_late_samples()) {
    // On with the next one of the same rhythm.
    const auto missed = (now - entry.scheduled) / *interval + 1;
    entry.status.skipped += static_cast<std::uint64_t>(missed);
    entry.scheduled += missed * *interval;
  }
  entry.due = entry.scheduled;
}

void Sampler::run(const std::stop_token& stop) {
  Mutex mutex;
  Condition stopped;
  while (!stop.stop_requested()) {
    const auto due = step();
    if (!due) return;
    const auto wait = *due - clock_.monotonic();
    if (wait <= 0ns) continue;
    MutexLock lock(mutex);
    stopped.wait_for(lock, stop, wait, [] { return false; });
  }
}

Sampler::SensorStatus Sampler::status(std::size_t sensor) const {
  const MutexLock lock(mutex_);
  return entries_.at(sensor)->status;
}

bool Sampler::finished() const {
  const MutexLock lock(mutex_);
  return std::ranges::all_of(entries_, [](const auto& entry) { return entry->status.ended; });
}

}  // namespace tributary::edge
