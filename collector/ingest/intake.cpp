#include "collector/ingest/intake.h"

#include <utility>

#include "collector/ingest/live_channel.h"
#include "shared/base/check.h"

namespace tributary::collector {
namespace {

// What is under way, under the number that the producers know it by.
struct Pending {
  std::string_view record;
  Origin origin;
  std::uint64_t token = 0;
  std::string reason;  // of a dead letter; empty: an event
  bool rejected_late = false;
  std::string detail;
  std::string partition_key;
  Timestamp received_at;
  std::chrono::nanoseconds begun{};
};

}  // namespace

Histogram& durable_seconds(Metrics& metrics, const MetricLabels& labels) {
  return metrics.histogram(
      "tributary_collector_ingest_seconds", "From taking an event to its being durable",
      {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}, labels);
}

class Intake::Impl {
 public:
  Impl(Stream& stream, std::string pipeline, std::optional<Schema> schema, LiveChannel* live,
       Histogram* durable_seconds, const Clock& clock)
      : clock_(clock),
        live_(live),
        durable_seconds_(durable_seconds),
        pipeline_(std::move(pipeline)),
        schema_(schema ? schema->id() : ""),
        dead_letters_(stream.make_dead_letter_producer()) {
    if (!schema) return;
    codec_.emplace(*std::move(schema));
    events_ = stream.make_producer();
  }

  std::optional<Problem> check(std::string_view record) {
    CHECK(codec_);
    auto valid = codec_->validate(record);
    if (valid) return std::nullopt;
    return std::move(valid).error();
  }

  std::expected<bool, Problem> offer(std::string_view record, const Origin& origin,
                                     std::uint64_t token) {
    CHECK(codec_);
    auto valid = codec_->validate(record);
    if (!valid) return std::unexpected(std::move(valid).error());
    const auto taken = begin({.record = record,
                              .origin = origin,
                              .token = token,
                              .reason = {},
                              .rejected_late = false,
                              .detail = {},
                              .partition_key = std::string(*valid),
                              .received_at = origin.received_at.value_or(clock_.now())});
    if (!taken && taken.error() == errc::too_large) {
      return std::unexpected(Problem{.pointer = "", .detail = taken.error().message()});
    }
    return taken.has_value();
  }

  bool offer_dead_letter(std::string_view record, const Origin& origin, std::string_view reason,
                         const Problem& problem, std::uint64_t token) {
    CHECK(!reason.empty());
    const auto taken = begin({.record = record,
                              .origin = origin,
                              .token = token,
                              .reason = std::string(reason),
                              .rejected_late = false,
                              .detail = describe(problem),
                              .partition_key = {},
                              .received_at = clock_.now()});
    CHECK(taken || !(taken.error() == errc::too_large));
    return taken.has_value();
  }

  std::vector<Durable> poll(std::chrono::milliseconds wait) {
    std::vector<Durable> durable;
    retry_failed();
    // Dead letters are rare: who waits, waits for events, unless there are none under way.
    const bool only_dead_letters = events_in_flight_ == 0;
    if (!only_dead_letters) collect(*events_, wait, durable);
    collect(*dead_letters_,
            only_dead_letters && durable.empty() ? wait : std::chrono::milliseconds(0), durable);
    return durable;
  }

  [[nodiscard]] std::size_t in_flight() const { return slots_.size() - free_.size(); }

 private:
  static std::string describe(const Problem& problem) {
    return problem.pointer.empty() ? problem.detail : problem.pointer + " " + problem.detail;
  }

  Result<void> begin(Pending pending) {
    if (free_.empty()) {
      free_.push_back(slots_.size());
      slots_.emplace_back();
    }
    const auto slot = free_.back();
    pending.begun = clock_.monotonic();
    slots_[slot] = std::move(pending);
    TRIBUTARY_TRY(append(slot));
    free_.pop_back();
    if (slots_[slot].reason.empty()) ++events_in_flight_;
    return {};
  }

  Result<void> append(std::size_t slot) {
    const Pending& pending = slots_[slot];
    Record record;
    record.token = slot;
    record.partition_key = pending.partition_key;
    auto& envelope = record.envelope;
    envelope.boot = boot_id();
    envelope.monotonic = clock_.monotonic();
    envelope.received_at = pending.received_at;
    envelope.pipeline = pipeline_;
    envelope.schema = schema_;
    envelope.source = pending.origin.source;
    envelope.edge = pending.origin.edge;
    envelope.log = pending.origin.log;
    envelope.sequence = pending.origin.sequence;
    envelope.replayed = pending.origin.replayed;
    envelope.event = pending.record;
    if (pending.reason.empty()) return events_->append(record);
    envelope.flags = Envelope::kRejectedAtIngest;
    envelope.reason = pending.reason;
    envelope.detail = pending.detail;
    envelope.topic = pending.origin.topic;
    return dead_letters_->append(record);
  }

  void collect(Producer& producer, std::chrono::milliseconds wait, std::vector<Durable>& durable) {
    const auto deliveries = producer.poll(wait);
    const auto now = clock_.monotonic();
    for (const auto& delivery : deliveries) {
      if (delivery.error) {
        failed_.push_back(delivery.token);
        continue;
      }
      const auto& slot = slots_[delivery.token];
      durable.push_back({.token = slot.token, .rejected_late = slot.rejected_late});
      if (slot.reason.empty()) count_event(slot, now);
      free_.push_back(delivery.token);
    }
    if (shown_.empty()) return;
    live_->put(shown_);
    shown_.clear();
  }

  void count_event(const Pending& event, std::chrono::nanoseconds now) {
    --events_in_flight_;
    if (durable_seconds_ != nullptr) {
      durable_seconds_->observe(std::chrono::duration<double>(now - event.begun).count());
    }
    if (live_ != nullptr && live_->is_wanted()) shown_.push_back(event.record);
  }

  void retry_failed() {
    while (!failed_.empty()) {
      const auto slot = failed_.back();
      const auto taken = append(slot);
      if (!taken && taken.error() == errc::too_large) {
        reject_late(slots_[slot], taken.error());
      } else if (taken) {
        failed_.pop_back();
      } else {
        return;
      }
    }
  }

  void reject_late(Pending& pending, const Error& error) {
    CHECK(pending.reason.empty());  // dead letters are cut to what the stream takes
    pending.reason = "invalid";
    pending.detail = error.message();
    pending.rejected_late = true;
    --events_in_flight_;
  }

  const Clock& clock_;
  LiveChannel* const live_;
  Histogram* const durable_seconds_;
  const std::string pipeline_;
  const std::string schema_;
  std::optional<Codec> codec_;
  std::unique_ptr<Producer> events_;
  std::unique_ptr<Producer> dead_letters_;
  std::vector<Pending> slots_;
  std::vector<std::size_t> free_;
  std::vector<std::size_t> failed_;
  std::size_t events_in_flight_ = 0;
  std::vector<std::string_view> shown_;  // collect()'s, kept for its memory
};

Intake::Intake(Pipeline& pipeline, const Clock& clock, Histogram* durable_seconds)
    : impl_(std::make_unique<Impl>(*pipeline.stream, pipeline.config.name, pipeline.config.schema,
                                   pipeline.live, durable_seconds, clock)) {}
Intake::Intake(Stream& stream, const Clock& clock)
    : impl_(std::make_unique<Impl>(stream, "", std::nullopt, nullptr, nullptr, clock)) {}
Intake::Intake(Intake&&) noexcept = default;
Intake::~Intake() = default;

std::optional<Problem> Intake::check(std::string_view record) { return impl_->check(record); }

std::expected<bool, Problem> Intake::offer(std::string_view record, const Origin& origin,
                                           std::uint64_t token) {
  return impl_->offer(record, origin, token);
}

bool Intake::offer_dead_letter(std::string_view record, const Origin& origin,
                               std::string_view reason, const Problem& problem,
                               std::uint64_t token) {
  return impl_->offer_dead_letter(record, origin, reason, problem, token);
}

std::vector<Intake::Durable> Intake::poll(std::chrono::milliseconds wait) {
  return impl_->poll(wait);
}

std::size_t Intake::in_flight() const { return impl_->in_flight(); }

}  // namespace tributary::collector
