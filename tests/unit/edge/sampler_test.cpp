#include "edge/sampler.h"

#include <catch2/catch.hpp>
#include <thread>

#include "edge/buffer.h"
#include "edge/committer.h"
#include "shared/log/envelope.h"
#include "tests/support/memory_file_system.h"
#include "tests/unit/edge/fakes.h"

using namespace tributary;
using namespace tributary::edge;
using namespace tributary::edge::test;
using tributary::test::MemoryFileSystem;
using tributary::test::Operation;

namespace {

// Gives {"n":1}, {"n":2} …; failures and the end as told.
class CountingSensor final : public Sensor {
 public:
  CountingSensor(std::chrono::nanoseconds interval, std::uint64_t count, bool live)
      : interval_(interval), left_(count), live_(live) {}

  Result<Reading> sample(Timestamp) override {
    --left_;
    if (++n_ % 10 == failing_digit) return fail(errc::unavailable, "the wire is cut");
    return Reading{R"({"n":)" + std::to_string(n_) + padding + "}"};
  }
  std::optional<std::chrono::nanoseconds> interval() const override {
    if (left_ == 0) return std::nullopt;
    return interval_;
  }
  bool skips_late_samples() const override { return live_; }

  std::uint64_t failing_digit = 99;
  std::string padding;

 private:
  std::chrono::nanoseconds interval_;
  std::uint64_t left_;
  bool live_;
  std::uint64_t n_ = 0;
};

struct Story {
  explicit Story(FullPolicy policy = FullPolicy::drop_oldest,
                 std::chrono::milliseconds sync = 100ms)
      : policy_(policy), sync_(sync) {
    open();
  }

  void open() {
    buffer.reset();
    BufferOptions options;
    options.pipeline = "telemetry";
    options.directory = "/buffer/telemetry";
    options.size_max = 256U << 10;
    options.segment_size = 64U << 10;
    options.when_full = policy_;
    buffer = must(Buffer::open(files, clock, options));
    committer = std::make_unique<Committer>(std::vector<Buffer*>{buffer.get()}, clock, sync_,
                                            [this] { ++commits; });
  }
  // The sensor belongs to the sampler afterwards.
  CountingSensor& add(std::chrono::nanoseconds interval, std::uint64_t count = 1'000'000,
                      bool live = true) {
    auto sensor = std::make_unique<CountingSensor>(interval, count, live);
    auto& made = *sensor;
    feeds.push_back({.name = "sensor", .sensor = std::move(sensor), .buffer = buffer.get()});
    return made;
  }
  Sampler& start() {
    sampler = std::make_unique<Sampler>(std::move(feeds), *committer, clock);
    return *sampler;
  }
  // Samples all that is due.
  void sample() {
    for (auto due = sampler->step(); due && *due <= clock.monotonic(); due = sampler->step()) {
    }
  }
  std::vector<std::string> events() {
    std::vector<std::string> found;
    const auto records = must(buffer->log().read({0}, {.records = 100'000, .bytes = 1U << 30}));
    for (const auto& entry : records.entries) {
      found.emplace_back(must(decode_envelope(entry.payload)).event);
    }
    return found;
  }

  MemoryFileSystem files;
  FakeClock clock;
  std::unique_ptr<Buffer> buffer;
  std::unique_ptr<Committer> committer;
  std::vector<Feed> feeds;
  std::unique_ptr<Sampler> sampler;
  int commits = 0;

 private:
  FullPolicy policy_;
  std::chrono::milliseconds sync_;
};

}  // namespace

TEST_CASE("each sensor is sampled at its rate, with what its record says about itself") {
  Story story;
  story.add(100ms);
  story.add(250ms);
  auto& sampler = story.start();
  for (int i = 0; i < 100; ++i) {
    story.sample();
    story.clock.advance(10ms);
  }
  REQUIRE(sampler.status(0).samples == 10);
  REQUIRE(sampler.status(1).samples == 4);
  REQUIRE(sampler.status(0).skipped == 0);
  REQUIRE(story.committer->commit_all());
  const auto records = must(story.buffer->log().read({0}, {}));
  const auto envelope = must(decode_envelope(records.entries.at(0).payload));
  REQUIRE(envelope.pipeline == "telemetry");
  REQUIRE(envelope.source == "sensor");
  REQUIRE(envelope.boot == boot_id());
  REQUIRE(envelope.monotonic == 1000s);
  REQUIRE(envelope.received_at.text() == "2026-01-21T13:10:00Z");
  REQUIRE(story.buffer->counts().sampled == 14);
}

TEST_CASE(
    "after a stall a live sensor goes on in its rhythm, without a burst, and the missed are "
    "counted") {
  Story story;
  story.add(100ms);
  auto& sampler = story.start();
  story.sample();
  story.clock.advance(1050ms);
  story.sample();  // late
  REQUIRE(sampler.status(0).samples == 2);
  REQUIRE(sampler.status(0).skipped == 9);
  story.clock.advance(50ms);
  story.sample();
  REQUIRE(sampler.status(0).samples == 3);
  REQUIRE(sampler.status(0).skipped == 9);
}

TEST_CASE("after a stall a recording takes every row late") {
  Story story;
  story.add(100ms, 5, false);
  auto& sampler = story.start();
  story.sample();
  story.clock.advance(10s);
  story.sample();
  REQUIRE(sampler.status(0).samples == 5);
  REQUIRE(sampler.status(0).skipped == 0);
  REQUIRE(sampler.finished());
}

TEST_CASE("a sensor that fails is asked again when it is due, and its health says why") {
  Story story;
  story.add(100ms).failing_digit = 2;
  auto& sampler = story.start();
  story.sample();
  story.clock.advance(100ms);
  story.sample();
  REQUIRE_FALSE(sampler.status(0).health().up);
  REQUIRE(sampler.status(0).health().detail.find("the wire is cut") != std::string::npos);
  story.clock.advance(100ms);
  story.sample();
  REQUIRE(sampler.status(0).health().up);
  REQUIRE(sampler.status(0).failures == 1);
  REQUIRE(sampler.status(0).samples == 2);
}

TEST_CASE("a sensor without a pace waits for commits, and loses nothing") {
  Story story(FullPolicy::block);
  story.add(0ns, 1000, false).padding = R"(,"x":")" + std::string(300, 'x') + '"';
  auto& sampler = story.start();
  for (int i = 0; i < 100'000 && !sampler.finished(); ++i) {
    const auto due = sampler.step();
    if (due && *due > story.clock.monotonic()) {
      REQUIRE(story.committer->commit_all());
      const auto committed = story.buffer->log().stats().committed;
      must(story.buffer->log().release(kPublisherCursor, {{1}, committed}));
      story.clock.advance(*due - story.clock.monotonic());
    }
  }
  REQUIRE(story.buffer->counts().sampled == 1000);
  REQUIRE(story.commits > 1);
}

TEST_CASE("when the buffer is full, drop_newest counts what it drops") {
  Story story(FullPolicy::drop_newest);
  story.add(1ms).padding = R"(,"x":")" + std::string(1000, 'x') + '"';
  auto& sampler = story.start();
  for (int i = 0; i < 1000; ++i) {
    story.sample();
    story.committer->commit_all();
    story.clock.advance(1ms);
  }
  const auto counts = story.buffer->counts();
  REQUIRE(counts.sampled == sampler.status(0).samples);
  REQUIRE(counts.sampled + counts.dropped_newest == 1000);
  REQUIRE(counts.dropped_newest > 500);
  REQUIRE(story.events().front().starts_with(R"({"n":1,)"));
  REQUIRE(story.buffer->report().dropped == counts.dropped_newest);
}

TEST_CASE("when the buffer is full, drop_oldest keeps the newest, and counts") {
  Story story(FullPolicy::drop_oldest);
  story.add(1ms).padding = R"(,"x":")" + std::string(1000, 'x') + '"';
  story.start();
  for (int i = 0; i < 1000; ++i) {
    story.sample();
    story.committer->commit_all();
    story.clock.advance(1ms);
  }
  const auto counts = story.buffer->counts();
  REQUIRE(counts.sampled == 1000);
  REQUIRE(counts.dropped_oldest == 1000 - story.events().size());
  REQUIRE(counts.dropped_oldest > 500);
  REQUIRE(story.buffer->health().warning);
  REQUIRE(story.events().back().starts_with(R"({"n":1000,)"));
  REQUIRE(story.buffer->records() == story.events().size());
}

TEST_CASE("when the buffer is full, block waits, shows it, and goes on where it stopped") {
  Story story(FullPolicy::block);
  story.add(1ms, 1000, false).padding = R"(,"x":")" + std::string(1000, 'x') + '"';
  auto& sampler = story.start();
  for (int i = 0; i < 2000; ++i) {
    story.sample();
    story.committer->commit_all();
    story.clock.advance(1ms);
  }
  const auto there = story.events().size();
  REQUIRE(there < 1000);
  REQUIRE(story.buffer->counts().sampled == there);
  REQUIRE(story.buffer->health().warning);
  for (int i = 0; i < 100 && !sampler.finished(); ++i) {
    must(story.buffer->log().release(kPublisherCursor,
                                     {{1}, story.buffer->log().stats().committed}));
    for (int j = 0; j < 100; ++j) {
      story.sample();
      story.committer->commit_all();
      story.clock.advance(1ms);
    }
  }
  REQUIRE(sampler.finished());
  REQUIRE(story.buffer->counts().sampled == 1000);
  REQUIRE_FALSE(story.buffer->health().warning);
}

TEST_CASE("a pipeline whose buffer is full doesn't hold up another one's sensors") {
  Story story(FullPolicy::block);
  story.add(1ms, 1'000'000, false).padding = R"(,"x":")" + std::string(1000, 'x') + '"';
  BufferOptions options;
  options.pipeline = "other";
  options.directory = "/buffer/other";
  options.size_max = 1U << 20;
  options.segment_size = 64U << 10;
  const auto other = must(Buffer::open(story.files, story.clock, options));
  story.feeds.push_back({.name = "other",
                         .sensor = std::make_unique<CountingSensor>(10ms, 1'000'000, true),
                         .buffer = other.get()});
  auto& sampler = story.start();
  for (int i = 0; i < 1000; ++i) {
    story.sample();
    story.committer->commit_all();
    story.clock.advance(1ms);
  }
  REQUIRE(story.buffer->health().warning);
  REQUIRE(sampler.status(1).samples == 100);
}

TEST_CASE("an event over 256 KiB is dropped and counted") {
  Story story;
  story.add(1ms, 3).padding = R"(,"x":")" + std::string(300'000, 'x') + '"';
  auto& sampler = story.start();
  story.sample();
  story.clock.advance(10ms);
  story.sample();
  REQUIRE(story.buffer->counts().too_large > 0);
  REQUIRE(story.buffer->counts().sampled == 0);
  REQUIRE(sampler.status(0).samples == 0);
}

TEST_CASE("with sync always each sample is durable before the next one") {
  Story story(FullPolicy::drop_oldest, 0ms);
  story.add(10ms);
  story.start();
  for (std::size_t i = 1; i <= 5; ++i) {
    story.sample();
    REQUIRE(story.events().size() == i);
    story.clock.advance(10ms);
  }
  REQUIRE(story.commits == 5);
}

TEST_CASE("a disk that fails to commit keeps the samples, is shown, and gets them later") {
  Story story;
  story.add(100ms);
  story.start();
  story.sample();
  story.files.fail_next(Operation::sync, EIO, 1);
  REQUIRE_FALSE(story.committer->commit_all());
  REQUIRE_FALSE(story.buffer->health().up);
  REQUIRE(story.buffer->pending());
  REQUIRE_FALSE(story.committer->commit_all());  // not yet due again
  story.clock.advance(10s);
  REQUIRE(story.committer->commit_all());
  REQUIRE(story.buffer->health().up);
  REQUIRE(story.events() == std::vector<std::string>{R"({"n":1})"});
}

TEST_CASE("a restart keeps what was committed and not delivered, and reports its age") {
  Story story;
  story.add(100ms);
  story.start();
  for (int i = 0; i < 5; ++i) {
    story.sample();
    story.clock.advance(100ms);
  }
  REQUIRE(story.committer->commit_all());
  must(story.buffer->log().release(kPublisherCursor, {{1}, {2}}));
  story.sampler.reset();
  story.open();
  REQUIRE(story.buffer->records() == 3);
  const auto report = story.buffer->report();
  REQUIRE(report.records == 3);
  REQUIRE(report.oldest->text() == "2026-01-21T13:10:00.200Z");
  REQUIRE(report.json().starts_with(R"({"pipeline":"telemetry","records":3,"bytes":)"));
}

TEST_CASE("the committer's thread commits soon after a sample, and once more at the end") {
  Story story(FullPolicy::drop_oldest, 1ms);
  story.add(1ms);
  story.start();
  std::jthread thread([&](const std::stop_token& stop) { story.committer->run(stop); });
  story.sample();
  REQUIRE(story.buffer->log().wait({0}, 30s, {}));
  story.clock.advance(1ms);
  story.sample();
  thread.request_stop();
  thread.join();
  REQUIRE_FALSE(story.buffer->pending());
}
