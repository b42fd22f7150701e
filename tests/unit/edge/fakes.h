#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "edge/publish/outbox.h"
#include "edge/publish/publisher.h"
#include "shared/base/result.h"
#include "shared/log/envelope.h"
#include "shared/log/log.h"
#include "tests/support/fake_clock.h"

namespace tributary::edge::test {

using namespace std::chrono_literals;

template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().message());
  return std::move(*result);
}
inline void must(const Result<void>& result) {
  if (!result) FAIL(result.error().message());
}

using tributary::test::FakeClock;

// Takes batches as told and gives the words on them that the test puts in.
class FakePublisher final : public Publisher {
 public:
  bool ready() const override { return room > 0; }
  Result<void> publish(Batch batch) override {
    if (room == 0 || refuses) return fail(errc::window_full, "full");
    if (batch.payload.size() > size_max)
      return fail(errc::too_large, "larger than the broker takes");
    --room;
    batches.push_back(std::move(batch));
    return {};
  }
  std::vector<Delivery> poll(std::chrono::milliseconds) override {
    return std::exchange(words, {});
  }
  void wake() override {}
  HealthCheck health() const override { return {}; }
  void close() override { closed = true; }

  // The ranges published since the last call.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges() {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> found;
    for (const auto& batch : std::exchange(batches, {})) {
      found.emplace_back(batch.range.first.value, batch.range.last.value);
    }
    return found;
  }

  std::size_t room = 1000;
  bool refuses = false;  // ready, and full all the same: others publish through it, too
  std::size_t size_max = 1U << 20;
  std::vector<Batch> batches;
  std::vector<Delivery> words;
  bool closed = false;
};

using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

inline LogOptions log_options() {
  LogOptions options;
  options.directory = "/buffer/telemetry";
  options.size_max = 1U << 20;
  options.segment_size = 64U << 10;
  options.cursors = {kPublisherCursor};
  return options;
}

// A record as the sampler makes it.
inline void append(Log& log, std::string_view event) {
  Bytes record;
  Envelope envelope;
  envelope.pipeline = "telemetry";
  envelope.event = event;
  encode(envelope, record);
  must(log.append(record));
}

// Events {"n":first} … {"n":last}, committed.
inline void write_events(Log& log, std::uint64_t first, std::uint64_t last) {
  for (auto n = first; n <= last; ++n) append(log, R"({"n":)" + std::to_string(n) + "}");
  must(log.commit());
}

}  // namespace tributary::edge::test
