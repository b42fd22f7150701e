#include "collector/ingest/replay.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "collector/stream/embedded_stream.h"
#include "tests/contract/stream_verbs.h"

namespace tributary::collector {
namespace {

using namespace stream_verbs;

std::string reading(std::size_t number, std::string_view temperature = "20") {
  return R"({"sensor_id":"s)" + std::to_string(number) +
         R"(","timestamp":"2026-01-21T10:00:00Z","temperature":)" + std::string(temperature) +
         R"(,"humidity":50,"location":{"latitude":1,"longitude":2}})";
}

std::vector<std::string> readings(std::size_t count) {
  std::vector<std::string> events;
  for (std::size_t i = 0; i < count; ++i) events.push_back(reading(i));
  return events;
}

// A pipeline whose events nobody takes out of its stream.
struct Place {
  TemporaryDirectory directory;
  TopicMap topics{{{.filter = "shed/+",
                    .pipeline = "telemetry",
                    .fields = {{"sensor_id", 1}},
                    .constants = {}}}};
  SystemClock clock;
  Pipeline pipeline{.config = {.name = "telemetry",
                               .schema = *Schema::built_in("telemetry"),
                               .stream = "embedded:",
                               .topic = "sensor-events",
                               .group = "persisters",
                               .store = {},
                               .table = {}},
                    .stream = nullptr,
                    .store = nullptr};

  explicit Place(std::uint64_t size_max = 64U << 20) {
    auto stream = open_embedded_stream(posix_file_system(), {.directory = directory.path(),
                                                             .topic = "sensor-events",
                                                             .group = "persisters",
                                                             .size_max = size_max,
                                                             .dead_letters_size_max = 64U << 20});
    if (!stream) FAIL(stream.error().message());
    pipeline.stream = std::move(*stream);
  }

  [[nodiscard]] std::uint64_t records() const { return pipeline.stream->account()->lag; }

  ReplayReport replay(
      const ReplayRequest& request = {}, const std::function<bool()>& go_on = [] { return true; }) {
    auto report = Replay(pipeline, topics, clock).run(request, go_on);
    if (!report) FAIL(report.error().message());
    return std::move(*report);
  }
};

TEST_CASE("what is replayed is in the stream as new records, which say which letters they were") {
  Place place;
  reject(*place.pipeline.stream, {reading(0), "bad", reading(1)});
  const auto report = place.replay();
  REQUIRE(report.total().replayed == 2);
  REQUIRE(report.total().invalid == 1);
  REQUIRE(report.broken_off.empty());
  expect_account(*place.pipeline.stream, {.rejected = 3}, 2);
  const auto consumer = place.pipeline.stream->make_consumer();
  const auto batches = receive(*consumer, 2);
  REQUIRE(events(batches) == readings(2));
  const auto letters = place.pipeline.stream->dead_letters(0, 10);
  REQUIRE(batches[0].entries[0].envelope.replayed == letters->front().place);
  REQUIRE(batches[0].entries[0].envelope.schema == place.pipeline.config.schema.id());
}

TEST_CASE("a replay that is broken off says so; what it did is not done again") {
  constexpr std::size_t kLetters = 3000;
  Place place;
  reject(*place.pipeline.stream, readings(kLetters));
  std::size_t asked = 0;
  const auto first = place.replay({}, [&] { return ++asked < 1000; });
  REQUIRE(!first.broken_off.empty());
  REQUIRE(first.total().replayed > 0);
  REQUIRE(first.total().replayed < 1000);
  REQUIRE(place.records() == first.total().replayed);
  const auto second = place.replay();
  REQUIRE(second.total().skipped == first.total().replayed);
  REQUIRE(second.total().replayed == kLetters - first.total().replayed);
  REQUIRE(place.records() == kLetters);
}

TEST_CASE("a replay into a full stream waits, and marks nothing that isn't in it") {
  constexpr std::size_t kLetters = 20'000;
  Place place(1U << 20);
  reject(*place.pipeline.stream, readings(kLetters));
  const auto begin = place.clock.monotonic();
  const auto report = place.replay(
      {}, [&] { return place.clock.monotonic() - begin < std::chrono::milliseconds(1500); });
  REQUIRE(!report.broken_off.empty());
  REQUIRE(report.total().replayed > 100);
  REQUIRE(report.total().replayed < kLetters);
  const auto stored = place.records();
  REQUIRE(stored >= report.total().replayed);
  REQUIRE(place.replay({.reasons = {}, .offsets = {}, .dry_run = true}).total().skipped ==
          report.total().replayed);
}

TEST_CASE("letters that come while a replay runs are left for the next one") {
  Place place;
  reject(*place.pipeline.stream, readings(600));
  std::size_t asked = 0;
  const auto report = place.replay({}, [&] {
    if (++asked % 100 == 0) reject(*place.pipeline.stream, {reading(10'000 + asked)});
    return true;
  });
  REQUIRE(report.total().replayed == 600);
  REQUIRE(place.replay({.reasons = {}, .offsets = {}, .dry_run = true}).total().skipped == 600);
}

TEST_CASE("a letter of a mapped topic gets what its topic says, as it does at ingest") {
  Place place;
  const std::string bare =
      R"({"timestamp":"2026-01-21T10:00:00Z","temperature":20,"humidity":50,"location":{"latitude":1,"longitude":2}})";
  const auto producer = place.pipeline.stream->make_dead_letter_producer();
  auto letter = rejected_record(bare);
  letter.envelope.source = "mqtt";
  letter.envelope.topic = "shed/7";
  REQUIRE(producer->append(letter).has_value());
  wait_until_durable(*producer, 1);
  REQUIRE(place.replay().total().replayed == 1);
  const auto consumer = place.pipeline.stream->make_consumer();
  const auto texts = events(receive(*consumer, 1));
  REQUIRE(texts.front().find(R"("sensor_id":"7")") != std::string::npos);
}

TEST_CASE("a dry run changes nothing") {
  Place place;
  reject(*place.pipeline.stream, readings(10));
  const auto before = place.pipeline.stream->last_dead_letter().value();
  for (int i = 0; i < 2; ++i) {
    REQUIRE(place.replay({.reasons = {}, .offsets = {}, .dry_run = true}).total().replayed == 10);
  }
  REQUIRE(place.records() == 0);
  REQUIRE(place.pipeline.stream->last_dead_letter().value() == before);
}

TEST_CASE(
    "letters far from each other are found by their offsets, and those that aren't are told") {
  Place place;
  reject(*place.pipeline.stream, readings(2000));
  const auto first = place.pipeline.stream->dead_letters(0, 1)->front().dead_offset;
  const auto report = place.replay(
      {.reasons = {}, .offsets = {first + 1999, first, first + 1000, 99'999}, .dry_run = false});
  REQUIRE(report.total().replayed == 3);
  REQUIRE(report.not_found == std::vector<std::uint64_t>{99'999});
  const auto consumer = place.pipeline.stream->make_consumer();
  REQUIRE(events(receive(*consumer, 3)) ==
          std::vector<std::string>{reading(0), reading(1000), reading(1999)});
}

TEST_CASE("a replay takes every reason but conflict, or those that are named") {
  const ReplayRequest all;
  REQUIRE(all.takes("invalid"));
  REQUIRE(all.takes("damaged"));
  REQUIRE(!all.takes("conflict"));
  const ReplayRequest some{.reasons = {"conflict", "rejected"}, .offsets = {}, .dry_run = false};
  REQUIRE(some.takes("conflict"));
  REQUIRE(!some.takes("invalid"));
}

}  // namespace
}  // namespace tributary::collector
