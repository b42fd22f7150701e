#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "collector/pipeline.h"
#include "shared/base/clock.h"
#include "shared/event/codec.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// A body or a payload has at most so many records: each costs its sender two bytes, and us an
// answer.
inline constexpr std::size_t kRecordsMax = 100'000;
inline constexpr const char* kTooManyRecords =
    "more than 100,000 records: send them in several parts";

// Where a record came from.
struct Origin {
  std::string_view source;  // "mqtt", "http"
  std::string_view topic;   // MQTT topic
  std::string_view edge;
  Id log;
  Sequence sequence;
  // Of a dead letter that is replayed: its place, and when it was received first. All views of an
  // origin must live as long as the record.
  std::string_view replayed{};
  std::optional<Timestamp> received_at{};
};

// How long an event takes from its door to where it is durable.
Histogram& durable_seconds(Metrics& metrics, const MetricLabels& labels);

// The door of one stream, for one thread: validates records, appends them, and tells when each is
// durable. What the stream fails to take is appended again until it is taken, so the only end of a
// record is `durable`.
class Intake {
 public:
  struct Durable {
    std::uint64_t token = 0;
    // The stream took the record first, and then found that it never can (a limit was lowered): it
    // is among the dead letters.
    bool rejected_late = false;
  };

  // `durable_seconds` is told of each event how long that took; null: nobody is.
  Intake(Pipeline& pipeline, const Clock& clock, Histogram* durable_seconds = nullptr);
  // A door for dead letters alone: offer() must not be called.
  Intake(Stream& stream, const Clock& clock);
  Intake(Intake&&) noexcept;
  ~Intake();

  // Only says what is wrong with the record; nothing: offer() would take it as valid.
  std::optional<Problem> check(std::string_view record);
  // Appends the record when it is valid. `record` must stay alive until it is durable. A problem,
  // too, when the stream can never take it (too large with its envelope). False when the stream has
  // no room now: poll(), which waits then, and offer it again.
  std::expected<bool, Problem> offer(std::string_view record, const Origin& origin,
                                     std::uint64_t token);
  // Puts the record among the dead letters. False as above.
  bool offer_dead_letter(std::string_view record, const Origin& origin, std::string_view reason,
                         const Problem& problem, std::uint64_t token);

  // What became durable; waits up to `wait` for the first one, with nothing in flight too.
  std::vector<Durable> poll(std::chrono::milliseconds wait);
  [[nodiscard]] std::size_t in_flight() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::collector
