#include "collector/persister.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "shared/base/backoff.h"
#include "shared/base/check.h"
#include "shared/event/codec.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kComponent = "persister";
constexpr BatchLimit kBatchLimit{.records = 5000, .bytes = 8U << 20};
constexpr auto kBatchTime = 200ms;  // small batches begin at least this far apart
constexpr auto kReceiveWait = 500ms;
constexpr auto kDeadLetterWait = 200ms;
constexpr int kLonelyFailuresMax = 5;

using Verdict = Outcome::Verdict;

// The decoded form of a batch, and what became of each of its entries.
struct Work {
  std::vector<Outcome> outcomes;         // of every entry; `retry` until it has come to its end
  std::vector<Event> events;             // to be written: the first of each key
  std::vector<std::size_t> entries;      // events[i] is that of entry entries[i]
  std::vector<std::size_t> repetitions;  // entries whose key came earlier in the batch
  std::vector<int> lonely_failures;      // of events[i], while others passed
};

class PersisterThread final : public Persister {
 public:
  PersisterThread(Pipeline& pipeline, const Clock& clock, Metrics& metrics)
      : pipeline_(pipeline),
        clock_(clock),
        codec_(pipeline.config.schema),
        consumer_(pipeline.stream->make_consumer()),
        dead_letters_(pipeline.stream->make_dead_letter_producer()),
        retries_(metrics.counter("tributary_collector_store_retries_total",
                                 "Writes to the store that have to be tried again",
                                 {{"pipeline", pipeline.config.name}})),
        batch_records_(metrics.histogram("tributary_collector_batch_records",
                                         "Records of a persisted batch", {1, 10, 100, 1000, 5000},
                                         {{"pipeline", pipeline.config.name}})) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  ~PersisterThread() override { PersisterThread::stop(); }
  PersisterThread(const PersisterThread&) = delete;
  PersisterThread& operator=(const PersisterThread&) = delete;

  void stop() override {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }

  HealthCheck health() const override {
    const std::lock_guard lock(mutex_);
    return health_;
  }

 private:
  void run(const std::stop_token& stop) {
    Backoff backoff(100ms, 10s);
    while (!stop.stop_requested()) {
      const auto begun = clock_.monotonic();
      auto batch = consumer_->receive(kBatchLimit, kReceiveWait);
      if (!batch) {
        down("cannot read the stream: " + batch.error().message());
        pause(stop, backoff.next());
        continue;
      }
      backoff.reset();
      if (batch->empty()) {
        if (!pipeline_.store->health().up) pipeline_.store->write({});  // perhaps it is back
        continue;
      }
      if (!persist(*batch, stop)) return;
      const auto taken = clock_.monotonic() - begun;
      if (batch->entries.size() < kBatchLimit.records / 2 && taken < kBatchTime) {
        pause(stop, std::chrono::duration_cast<std::chrono::milliseconds>(kBatchTime - taken));
      }
    }
  }

  // False when a stop was asked for before the batch was settled.
  bool persist(const Batch& batch, const std::stop_token& stop) {
    auto work = decode(batch);
    return write(batch, work, stop) && bury(batch, work, stop) && settle(batch, work, stop);
  }

  // Every entry is an event to write, a repetition of one, or rejected.
  Work decode(const Batch& batch) {
    Work work;
    work.outcomes.resize(batch.entries.size());
    work.events.reserve(batch.entries.size());
    std::unordered_map<std::string_view, std::size_t> seen;
    seen.reserve(batch.entries.size());
    for (std::size_t i = 0; i < batch.entries.size(); ++i) {
      const auto& entry = batch.entries[i];
      if (entry.damaged) {
        work.outcomes[i] = {.verdict = Verdict::rejected, .detail = "the record is damaged"};
        continue;
      }
      auto event = codec_.decode_validated(entry.envelope.event);
      if (!event) {
        const auto& problem = event.error();
        work.outcomes[i] = {.verdict = Verdict::rejected,
                            .detail = problem.pointer + " " + problem.detail};
        continue;
      }
      if (seen.contains(event->key)) {
        work.repetitions.push_back(i);
        continue;
      }
      fill_origin(*event, entry.envelope);
      work.events.push_back(std::move(*event));
      work.entries.push_back(i);
      seen.emplace(work.events.back().key, i);
    }
    work.lonely_failures.resize(work.events.size());
    return work;
  }

  static void fill_origin(Event& event, const Envelope& envelope) {
    event.origin = {.received_at = envelope.received_at,
                    .source = std::string(envelope.source),
                    .schema = std::string(envelope.schema),
                    .edge = std::string(envelope.edge),
                    .log = envelope.log,
                    .sequence = envelope.sequence};
  }

  bool write(const Batch& batch, Work& work, const std::stop_token& stop) {
    if (!write_until_done(work, stop)) return false;
    if (work.repetitions.empty()) return true;
    // First come, first stored: a repetition is held against what the store has now.
    for (const auto index : work.repetitions) {
      auto event = codec_.decode_validated(batch.entries[index].envelope.event);
      CHECK(event.has_value());
      fill_origin(*event, batch.entries[index].envelope);
      Work one{
          .outcomes = {}, .events = {}, .entries = {0}, .repetitions = {}, .lonely_failures = {0}};
      one.outcomes.resize(1);
      one.events.push_back(std::move(*event));
      if (!write_until_done(one, stop)) return false;
      work.outcomes[index] = std::move(one.outcomes.front());
    }
    return true;
  }

  // Writes until no event is left to retry.
  bool write_until_done(Work& work, const std::stop_token& stop) {
    Backoff backoff(50ms, 10s);
    bool store_takes_others = false;
    while (!work.events.empty()) {
      auto outcomes = pipeline_.store->write(work.events);
      CHECK(outcomes.size() == work.events.size());
      keep_what_failed(work, outcomes, store_takes_others);
      if (work.events.empty()) break;
      retries_.add();
      down("the store doesn't take events: " + work.outcomes[work.entries.front()].detail);
      if (!pause(stop, backoff.next())) return false;
      store_takes_others = takes_canary();
    }
    up();
    return true;
  }

  // Whether the store takes an event that it took before: then it is not the store that fails.
  bool takes_canary() {
    if (!canary_) return false;
    return pipeline_.store->write({&*canary_, 1}).front().verdict != Verdict::retry;
  }

  // Moves what has come to its end out of the work. An event that fails again and again while the
  // store takes others is rejected, so that it can't hold up the rest for ever.
  void keep_what_failed(Work& work, std::vector<Outcome>& outcomes, bool store_takes_others) {
    store_takes_others |= std::ranges::any_of(
        outcomes, [](const auto& outcome) { return outcome.verdict != Verdict::retry; });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      auto& outcome = outcomes[i];
      if (outcome.verdict == Verdict::retry && store_takes_others &&
          ++work.lonely_failures[i] >= kLonelyFailuresMax) {
        outcome = {.verdict = Verdict::rejected,
                   .detail = "the store failed on it " + std::to_string(kLonelyFailuresMax) +
                             " times while it took others: " + outcome.detail};
      }
      const auto verdict = outcome.verdict;
      work.outcomes[work.entries[i]] = std::move(outcome);
      if (verdict == Verdict::retry) {
        std::swap(work.events[kept], work.events[i]);
        std::swap(work.entries[kept], work.entries[i]);
        std::swap(work.lonely_failures[kept], work.lonely_failures[i]);
        ++kept;
      }
    }
    const auto passed =
        std::find_if(work.entries.begin() + static_cast<std::ptrdiff_t>(kept), work.entries.end(),
                     [&](auto entry) { return work.outcomes[entry].verdict == Verdict::stored; });
    if (passed != work.entries.end()) {
      canary_ = std::move(work.events[static_cast<std::size_t>(passed - work.entries.begin())]);
    }
    work.events.resize(kept);
    work.entries.resize(kept);
    work.lonely_failures.resize(kept);
  }

  // Makes a durable dead letter of everything that can't be stored: of entries by their index, of
  // missing records by theirs behind the entries.
  bool bury(const Batch& batch, const Work& work, const std::stop_token& stop) {
    std::vector<std::size_t> waiting;
    for (auto i = batch.missing.size(); i-- > 0;) waiting.push_back(batch.entries.size() + i);
    for (auto i = batch.entries.size(); i-- > 0;) {
      const auto verdict = work.outcomes[i].verdict;
      if (verdict == Verdict::conflict || verdict == Verdict::rejected) waiting.push_back(i);
    }
    std::size_t in_flight = 0;
    while (!waiting.empty() || in_flight > 0) {
      if (stop.stop_requested()) return false;
      while (!waiting.empty() && append_dead_letter(batch, work, waiting.back())) {
        waiting.pop_back();
        ++in_flight;
      }
      if (in_flight == 0) pause(stop, kDeadLetterWait);
      for (const auto& delivery : dead_letters_->poll(kDeadLetterWait)) {
        --in_flight;
        if (delivery.error) waiting.push_back(delivery.token);
      }
    }
    return true;
  }

  bool append_dead_letter(const Batch& batch, const Work& work, std::size_t index) {
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

  bool settle(const Batch& batch, const Work& work, const std::stop_token& stop) {
    Backoff backoff(50ms, 10s);
    while (true) {
      const auto settled = consumer_->settle(batch, work.outcomes);
      if (settled) break;
      down("cannot settle a batch: " + settled.error().message());
      if (!pause(stop, backoff.next())) return false;
    }
    up();
    report(batch, work);
    return true;
  }

  void report(const Batch& batch, const Work& work) {
    Totals totals;
    for (const auto& outcome : work.outcomes) totals.count(outcome.verdict);
    for (const auto& span : batch.missing) totals.count(Verdict::rejected, span.count());
    batch_records_.observe(static_cast<double>(batch.entries.size()));
    log_info(kComponent, "batch",
             {{"pipeline", pipeline_.config.name},
              {"records", batch.entries.size()},
              {"stored", totals.stored},
              {"duplicates", totals.duplicates},
              {"conflicts", totals.conflicts},
              {"rejected", totals.rejected}});
  }

  // False when a stop was asked for.
  bool pause(const std::stop_token& stop, std::chrono::milliseconds time) {
    std::unique_lock lock(pause_mutex_);
    paused_.wait_for(lock, stop, time, [] { return false; });
    return !stop.stop_requested();
  }

  void down(std::string detail) {
    const std::lock_guard lock(mutex_);
    if (health_.up) log_error(kComponent, detail, {{"pipeline", pipeline_.config.name}});
    health_ = {.up = false, .detail = std::move(detail)};
  }

  void up() {
    const std::lock_guard lock(mutex_);
    if (!health_.up) log_info(kComponent, "works again", {{"pipeline", pipeline_.config.name}});
    health_ = {};
  }

  Pipeline& pipeline_;
  const Clock& clock_;
  Codec codec_;
  std::unique_ptr<Consumer> consumer_;
  std::unique_ptr<Producer> dead_letters_;
  std::optional<Event> canary_;  // the last event that the store took
  Counter& retries_;
  Histogram& batch_records_;

  mutable std::mutex mutex_;
  HealthCheck health_;
  std::mutex pause_mutex_;
  std::condition_variable_any paused_;
  std::jthread thread_;
};

}  // namespace

std::unique_ptr<Persister> Persister::start(Pipeline& pipeline, const Clock& clock,
                                            Metrics& metrics) {
  return std::make_unique<PersisterThread>(pipeline, clock, metrics);
}

}  // namespace tributary::collector
