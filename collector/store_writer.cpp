#include "collector/store_writer.h"

#include <algorithm>
#include <utility>

#include "shared/base/backoff.h"
#include "shared/base/check.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kComponent = "persister";
constexpr auto kDeadLetterWait = 200ms;
constexpr int kLonelyFailuresMax = 5;

using Verdict = Outcome::Verdict;

// A clock may be behind that of a sensor.
double age_in_seconds(Timestamp time, Timestamp now) {
  const auto age = static_cast<double>(now.seconds - time.seconds) +
                   static_cast<double>(now.nanoseconds - time.nanoseconds) * 1e-9;
  return std::max(age, 0.0);
}

}  // namespace

// Events that are written again and again until each has come to its end.
struct StoreWriter::Attempt {
  std::vector<Event>& events;
  std::vector<std::size_t>& entries;
  std::vector<Outcome>& outcomes;
  std::vector<int> lonely_failures{};  // of events[i], while others passed
};

StoreWriter::StoreWriter(Pipeline& pipeline, const Clock& clock, Metrics& metrics)
    : pipeline_(pipeline),
      clock_(clock),
      dead_letters_(pipeline.stream->make_dead_letter_producer()),
      retries_(metrics.counter("tributary_collector_store_retries_total",
                               "Writes to the store that have to be tried again",
                               {{"pipeline", pipeline.config.name}})),
      age_(metrics.histogram(
          "tributary_collector_event_age_seconds", "From an event's own time to its being stored",
          {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400, 604800},
          {{"pipeline", pipeline.config.name}})),
      health_(kComponent, pipeline.config.name) {}

bool StoreWriter::write(Work& work, const std::stop_token& stop) {
  Attempt attempt{.events = work.events, .entries = work.entries, .outcomes = work.outcomes};
  if (!write_until_done(attempt, stop)) return false;
  for (auto& repetition : work.repetitions) {
    if (!resolve(work, repetition, stop)) return false;
  }
  return bury(work, stop);
}

void StoreWriter::look_at_store() {
  if (looked_ && pipeline_.store->health().up) return;
  looked_ = true;
  pipeline_.store->write({});
}

// First come, first stored.
bool StoreWriter::resolve(Work& work, Work::Repetition& repetition, const std::stop_token& stop) {
  const auto first = work.outcomes[repetition.first].verdict;
  auto& outcome = work.outcomes[repetition.entry];
  if (first == Verdict::stored || first == Verdict::duplicate) {
    outcome = {.verdict = Verdict::duplicate, .detail = {}};
    if (repetition.event.hash != repetition.first_hash) {
      outcome = {.verdict = Verdict::conflict,
                 .detail = "the same key came just before it with other content"};
    }
    return true;
  }
  // The first one is not in the store, so the store must say what is.
  std::vector<Event> events;
  events.push_back(std::move(repetition.event));
  std::vector<std::size_t> entries{repetition.entry};
  Attempt attempt{.events = events, .entries = entries, .outcomes = work.outcomes};
  return write_until_done(attempt, stop);
}

// A store may take a batch as a whole only, so one in which all fail, and nobody knows why, is
// halved until the bad one is alone: but only while the store takes others, or that isn't known
// either.
bool StoreWriter::write_until_done(Attempt& attempt, const std::stop_token& stop) {
  attempt.lonely_failures.resize(attempt.events.size());
  Backoff backoff(50ms, 10s);
  std::size_t part = attempt.events.size();  // so many are written at once
  bool store_takes_others = false;
  while (!attempt.events.empty()) {
    part = std::min(part, attempt.events.size());
    auto outcomes = pipeline_.store->write(std::span(attempt.events).first(part));
    CHECK(outcomes.size() == part);
    const auto left = keep_what_failed(attempt, outcomes, store_takes_others);
    if (left == 0) {
      part *= 2;
      backoff.reset();
      continue;
    }
    retries_.add();
    const auto& why = attempt.outcomes[attempt.entries.front()];
    health_.down("the store doesn't take events: " + why.detail);
    const bool unknown = why.unknown;
    if (unknown && left == part && part == 1) move_to_the_end(attempt);
    const bool halves = unknown && left == part && part > 1 && (store_takes_others || !canary_);
    if (halves) part /= 2;
    if (halves && store_takes_others) continue;
    if (!pause(stop, backoff.next())) return false;
    store_takes_others = unknown && takes_canary();
    if (store_takes_others) backoff.reset();  // it is an event that has to wait, not the store
  }
  health_.up();
  return true;
}

// Whether the store takes an event that it took before: then it is not the store that fails.
bool StoreWriter::takes_canary() {
  if (!canary_) return false;
  return pipeline_.store->write({&*canary_, 1}).front().verdict != Verdict::retry;
}

// So that the others go on before the first one is tried again.
void StoreWriter::move_to_the_end(Attempt& attempt) {
  std::swap(attempt.events.front(), attempt.events.back());
  std::swap(attempt.entries.front(), attempt.entries.back());
  std::swap(attempt.lonely_failures.front(), attempt.lonely_failures.back());
}

// Moves what has come to its end out of the attempt, of whose first events these are the outcomes;
// how many of them are left. An event that fails alone, for no known reason, again and again while
// the store takes others, is rejected, so that it can't hold up the rest for ever.
std::size_t StoreWriter::keep_what_failed(Attempt& attempt, std::vector<Outcome>& outcomes,
                                          bool store_takes_others) {
  const bool lonely = store_takes_others && outcomes.size() == 1;
  auto& [events, entries, ends, lonely_failures] = attempt;
  const auto now = clock_.now();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    auto& outcome = outcomes[i];
    if (outcome.verdict == Verdict::retry && outcome.unknown && lonely &&
        ++lonely_failures[i] >= kLonelyFailuresMax) {
      outcome = {.verdict = Verdict::rejected,
                 .detail = "the store failed on it " + std::to_string(kLonelyFailuresMax) +
                           " times while it took others: " + outcome.detail};
    }
    const auto verdict = outcome.verdict;
    if (verdict == Verdict::stored) age_.observe(age_in_seconds(events[i].time, now));
    ends[entries[i]] = std::move(outcome);
    if (verdict == Verdict::retry) {
      std::swap(events[kept], events[i]);
      std::swap(entries[kept], entries[i]);
      std::swap(lonely_failures[kept], lonely_failures[i]);
      ++kept;
    }
  }
  const auto begin = static_cast<std::ptrdiff_t>(kept);
  const auto end = static_cast<std::ptrdiff_t>(outcomes.size());
  const auto passed = std::find_if(entries.begin() + begin, entries.begin() + end, [&](auto entry) {
    return ends[entry].verdict == Verdict::stored;
  });
  if (passed != entries.begin() + end) {
    canary_ = std::move(events[static_cast<std::size_t>(passed - entries.begin())]);
  }
  events.erase(events.begin() + begin, events.begin() + end);
  entries.erase(entries.begin() + begin, entries.begin() + end);
  lonely_failures.erase(lonely_failures.begin() + begin, lonely_failures.begin() + end);
  return kept;
}

// Makes a durable dead letter of everything that can't be stored: of entries by their index, of
// missing records by theirs behind the entries.
bool StoreWriter::bury(const Work& work, const std::stop_token& stop) {
  const auto& batch = work.batch;
  std::vector<std::size_t> waiting;
  for (auto i = batch.missing.size(); i-- > 0;) waiting.push_back(batch.entries.size() + i);
  for (auto i = batch.entries.size(); i-- > 0;) {
    const auto verdict = work.outcomes[i].verdict;
    if (verdict == Verdict::conflict || verdict == Verdict::rejected) waiting.push_back(i);
  }
  std::size_t in_flight = 0;
  while (!waiting.empty() || in_flight > 0) {
    if (stop.stop_requested()) return false;
    while (!waiting.empty() && append_dead_letter(work, waiting.back())) {
      waiting.pop_back();
      ++in_flight;
    }
    if (in_flight == 0) {
      health_.down("the stream doesn't take dead letters: " + pipeline_.stream->health().detail);
      pause(stop, kDeadLetterWait);
    }
    for (const auto& delivery : dead_letters_->poll(kDeadLetterWait)) {
      --in_flight;
      if (delivery.error) waiting.push_back(delivery.token);
    }
  }
  health_.up();
  return true;
}

bool StoreWriter::append_dead_letter(const Work& work, std::size_t index) {
  const auto& batch = work.batch;
  Envelope envelope;
  std::string detail;
  if (index < batch.entries.size()) {
    const auto& entry = batch.entries[index];
    const auto& outcome = work.outcomes[index];
    envelope = entry.envelope;
    envelope.reason = entry.damaged                          ? "damaged"
                      : outcome.verdict == Verdict::conflict ? "conflict"
                                                             : "rejected";
    envelope.detail = outcome.detail;
    envelope.partition = entry.partition;
    envelope.offset = entry.offset;
  } else {
    const auto& span = batch.missing[index - batch.entries.size()];
    detail = "the stream lost the records " + std::to_string(span.first) + " to " +
             std::to_string(span.last) + ", to damage or to its retention";
    envelope.received_at = clock_.now();
    envelope.reason = "damaged";
    envelope.detail = detail;
    envelope.partition = span.partition;
    envelope.offset = span.first;
  }
  envelope.pipeline = pipeline_.config.name;
  envelope.topic = pipeline_.config.topic;
  return dead_letters_->append({.envelope = envelope, .partition_key = {}, .token = index})
      .has_value();
}

// False when a stop was asked for.
bool StoreWriter::pause(const std::stop_token& stop, std::chrono::milliseconds time) {
  MutexLock lock(pause_mutex_);
  paused_.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace tributary::collector
