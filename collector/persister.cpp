#include "collector/persister.h"

#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "collector/part_health.h"
#include "collector/store_writer.h"
#include "shared/base/backoff.h"
#include "shared/base/bounded_queue.h"
#include "shared/base/thread.h"
#include "shared/event/codec.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kComponent = "persister";
constexpr BatchLimit kBatchLimit{.records = 5000, .bytes = 8U << 20};
constexpr std::size_t kBatchesInFlight = 2;  // one is written while the other is decoded
constexpr auto kBatchTime = 200ms;           // small batches begin at least this far apart
constexpr auto kReceiveWait = 500ms;
constexpr auto kBusyReceiveWait = 10ms;  // a batch in flight waits at most this long to be settled
constexpr auto kAliveEvery = 500ms;
constexpr auto kStopPatience = 5s;  // for what is being written when a stop is asked for

using Verdict = Outcome::Verdict;

// Makes events of a batch's records.
class Decoder {
 public:
  explicit Decoder(const Schema& schema) : codec_(schema), schema_(schema.id()) {}

  // Every entry is an event to write, a repetition of one, or rejected.
  std::unique_ptr<Work> decode(Batch batch) {
    auto work = std::make_unique<Work>();
    work->batch = std::move(batch);
    const auto& entries = work->batch.entries;
    work->outcomes.resize(entries.size());
    work->events.reserve(entries.size());
    work->entries.reserve(entries.size());
    first_.clear();
    first_.reserve(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) add(*work, i);
    return work;
  }

 private:
  void add(Work& work, std::size_t index) {
    const auto& entry = work.batch.entries[index];
    const auto reject = [&](std::string why) {
      work.outcomes[index] = {.verdict = Verdict::rejected, .detail = std::move(why)};
    };
    if (entry.damaged) return reject("the record is damaged");
    // Only what ingest took in under this very schema is known to be valid: Kafka is open to
    // others.
    const auto& envelope = entry.envelope;
    auto event = envelope.schema == schema_ ? codec_.decode_validated(envelope.event)
                                            : codec_.decode(envelope.event);
    if (!event) return reject(to_text(event.error()));
    fill_origin(*event, envelope);
    if (const auto first = first_.find(event->key); first != first_.end()) {
      const auto written = first->second;
      work.repetitions.push_back({.entry = index,
                                  .first = work.entries[written],
                                  .first_hash = work.events[written].hash,
                                  .event = std::move(*event)});
      return;
    }
    work.events.push_back(std::move(*event));
    work.entries.push_back(index);
    first_.emplace(work.events.back().key, work.events.size() - 1);
  }

  void fill_origin(Event& event, const Envelope& envelope) const {
    event.origin = {.received_at = envelope.received_at,
                    .source = std::string(envelope.source),
                    .schema = schema_,
                    .edge = std::string(envelope.edge),
                    .log = envelope.log,
                    .sequence = envelope.sequence,
                    .replayed = std::string(envelope.replayed)};
  }

  Codec codec_;
  const std::string schema_;
  std::unordered_map<std::string_view, std::size_t> first_;  // of the batch's keys: its event
};

// Two threads: one owns the consumer (reads, decodes, settles, and shows that it lives), the other
// the store. Batches go from one to the other and back in their order.
class PersisterThreads final : public Persister {
 public:
  PersisterThreads(Pipeline& pipeline, const Clock& clock, Metrics& metrics)
      : pipeline_(pipeline),
        clock_(clock),
        decoder_(pipeline.config.schema),
        consumer_(pipeline.stream->make_consumer()),
        writer_(pipeline, clock, metrics),
        batch_records_(metrics.histogram("tributary_collector_batch_records",
                                         "Records of a persisted batch", {1, 10, 100, 1000, 5000},
                                         {{"pipeline", pipeline.config.name}})),
        health_(kComponent, pipeline.config.name) {
    write_thread_ =
        Thread("persist-write", [this](const std::stop_token& stop) { write_all(stop); });
    read_thread_ = Thread("persist-read", [this](const std::stop_token& stop) { read_all(stop); });
  }

  ~PersisterThreads() override { PersisterThreads::stop(); }
  PersisterThreads(const PersisterThreads&) = delete;
  PersisterThreads& operator=(const PersisterThreads&) = delete;

  void stop() override {
    if (!read_thread_.joinable()) return;
    write_thread_.request_stop();  // gives up what the store doesn't take now
    read_thread_.request_stop();
    read_thread_.join();
    nothing_more_.request_stop();
    write_thread_.join();
  }

  HealthCheck health() const override {
    auto written = writer_.health();
    if (!written.up) return written;
    return health_.check();
  }

 private:
  using Written = std::unique_ptr<Work>;  // null: a stop came before its end

  void read_all(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      take_written(0ms, stop);
      settle();
      const auto now = clock_.monotonic();
      if (in_flight_ < kBatchesInFlight && now >= read_at_) {
        read(now, stop);
      } else {
        const auto read_at =
            in_flight_ < kBatchesInFlight ? read_at_ : std::chrono::nanoseconds::max();
        take_written(wait_from(now, read_at), stop);
        consumer_->keep_alive();
      }
    }
    finish();
  }

  // Until the next thing that is due: a read at that time, a settlement, a sign of life.
  [[nodiscard]] std::chrono::milliseconds wait_from(std::chrono::nanoseconds now,
                                                    std::chrono::nanoseconds read_at) const {
    auto wait = std::min<std::chrono::nanoseconds>(kAliveEvery, read_at - now);
    if (!written_.empty()) wait = std::min(wait, settle_at_ - now);
    return std::chrono::ceil<std::chrono::milliseconds>(std::max(wait, 0ns));
  }

  void read(std::chrono::nanoseconds now, const std::stop_token& stop) {
    auto batch = consumer_->receive(kBatchLimit, in_flight_ == 0 ? kReceiveWait : kBusyReceiveWait);
    if (!batch) {
      health_.down("cannot read the stream: " + batch.error().message());
      read_at_ = clock_.monotonic() + read_backoff_.next();
      return;
    }
    read_backoff_.reset();
    if (stop.stop_requested()) return;  // it comes again at the next start
    if (batch->spans.empty()) {
      if (in_flight_ == 0) {
        health_.up();  // nothing came, and nothing waits to be settled
        look_at_store();
      }
      return;
    }
    health_.up();
    if (batch->entries.size() < kBatchLimit.records / 2) read_at_ = now + kBatchTime;
    to_write_.try_push(decoder_.decode(std::move(*batch)));
    ++in_flight_;
  }

  // An empty work asks the writer to look whether a store that was down is back.
  void look_at_store() {
    to_write_.try_push(std::make_unique<Work>());
    ++in_flight_;
  }

  void take_written(std::chrono::milliseconds wait, const std::stop_token& stop) {
    for (auto& work : done_.pop(kBatchesInFlight, wait, stop)) written_.push_back(std::move(work));
  }

  // Settles what is written, in order, as far as the stream takes it.
  void settle() {
    while (!written_.empty() && clock_.monotonic() >= settle_at_) {
      const auto& work = written_.front();
      if (work && !work->batch.spans.empty()) {
        const auto settled = consumer_->settle(work->batch, work->outcomes);
        if (!settled) {
          health_.down("cannot settle a batch: " + settled.error().message());
          settle_at_ = clock_.monotonic() + settle_backoff_.next();
          return;
        }
        settle_backoff_.reset();
        health_.up();
        report(*work);
      }
      written_.pop_front();
      --in_flight_;
    }
  }

  // After a stop: what is being written is settled when it comes to its end soon.
  void finish() {
    const auto deadline = clock_.monotonic() + kStopPatience;
    while (in_flight_ > 0 && clock_.monotonic() < deadline) {
      if (!written_.empty() && !written_.front()) return;  // and those behind it come again, too
      take_written(wait_from(clock_.monotonic(), std::chrono::nanoseconds::max()), {});
      settle();
      consumer_->keep_alive();
    }
  }

  void write_all(const std::stop_token& stop) {
    const auto end = nothing_more_.get_token();
    while (!end.stop_requested()) {
      for (auto& work : to_write_.pop(1, kReceiveWait, end)) {
        bool written = true;
        if (work->batch.spans.empty()) {
          writer_.look_at_store();
        } else {
          written = writer_.write(*work, stop);
        }
        if (!written) work.reset();
        done_.try_push(std::move(work));
      }
    }
  }

  void report(const Work& work) {
    Totals totals;
    for (const auto& outcome : work.outcomes) totals.count(outcome.verdict);
    for (const auto& span : work.batch.missing) totals.count(Verdict::rejected, span.count());
    batch_records_.observe(static_cast<double>(work.batch.entries.size()));
    log_info(kComponent, "batch",
             {{"pipeline", pipeline_.config.name},
              {"records", work.batch.entries.size()},
              {"stored", totals.stored},
              {"duplicates", totals.duplicates},
              {"conflicts", totals.conflicts},
              {"rejected", totals.rejected}});
  }

  Pipeline& pipeline_;
  const Clock& clock_;
  Decoder decoder_;
  std::unique_ptr<Consumer> consumer_;
  StoreWriter writer_;
  Histogram& batch_records_;

  BoundedQueue<std::unique_ptr<Work>> to_write_{kBatchesInFlight};
  BoundedQueue<Written> done_{kBatchesInFlight};

  // Of the thread that reads:
  std::size_t in_flight_ = 0;    // received and not settled
  std::deque<Written> written_;  // not settled yet
  std::chrono::nanoseconds read_at_{};
  std::chrono::nanoseconds settle_at_{};
  Backoff read_backoff_{100ms, 10s};
  Backoff settle_backoff_{50ms, 10s};

  PartHealth health_;              // of reading and settling
  std::stop_source nothing_more_;  // will be read
  Thread write_thread_;
  Thread read_thread_;
};

}  // namespace

std::unique_ptr<Persister> Persister::start(Pipeline& pipeline, const Clock& clock,
                                            Metrics& metrics) {
  return std::make_unique<PersisterThreads>(pipeline, clock, metrics);
}

}  // namespace tributary::collector
