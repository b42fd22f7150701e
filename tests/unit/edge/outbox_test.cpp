#include "edge/publish/outbox.h"

#include <catch2/catch.hpp>
#include <random>

#include "edge/publish/forwarder.h"
#include "shared/base/sequence_ranges.h"
#include "tests/support/memory_file_system.h"
#include "tests/unit/edge/fakes.h"

using namespace tributary;
using namespace tributary::edge;
using namespace tributary::edge::test;
using tributary::test::MemoryFileSystem;

namespace {

using Verdict = Delivery::Verdict;

// A log with its outbox and a publisher that does as it is told.
struct Story {
  explicit Story(OutboxOptions outbox_options = {}) : options(outbox_options) { open(); }

  void open(LogOptions log_options = tributary::edge::test::log_options()) {
    outbox.reset();
    log.reset();
    log = must(Log::open(files, std::move(log_options)));
    outbox = std::make_unique<Outbox>("telemetry", *log, clock, options);
  }
  // Publishes what goes, without waiting for more.
  Ranges publish() {
    while (outbox->publish_one(publisher, true)) {
    }
    return publisher.ranges();
  }
  void tell(Verdict verdict, std::uint64_t first, std::uint64_t last, std::uint64_t rejected = 0) {
    outbox->settle({verdict, log->id(), {{first}, {last}}, rejected});
  }
  void release() {
    clock.advance(100ms);
    outbox->release(false);
  }
  std::uint64_t released() const { return log->position(kPublisherCursor).prefix.value; }

  MemoryFileSystem files;
  FakeClock clock;
  OutboxOptions options;
  FakePublisher publisher;
  std::unique_ptr<Log> log;
  std::unique_ptr<Outbox> outbox;
};

// Records of about `size` bytes each, so that batches of a few are full.
void write_large(Log& log, std::uint64_t count, std::size_t size) {
  for (std::uint64_t i = 0; i < count; ++i) append(log, '"' + std::string(size, 'x') + '"');
  must(log.commit());
}

}  // namespace

TEST_CASE("a batch is the records' events, a line each, named by its pipeline, log and sequences") {
  Story story;
  write_events(*story.log, 1, 3);
  REQUIRE(story.outbox->publish_one(story.publisher, true));
  const auto& batch = story.publisher.batches.at(0);
  REQUIRE(batch.pipeline == "telemetry");
  REQUIRE(batch.log == story.log->id());
  REQUIRE(batch.range == SequenceRange{{1}, {3}});
  REQUIRE(batch.payload == "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
  REQUIRE_FALSE(story.outbox->publish_one(story.publisher, true));
}

TEST_CASE("a batch waits 50 ms for more events, and goes at once when it is full") {
  Story story;
  write_events(*story.log, 1, 1);
  REQUIRE_FALSE(story.outbox->publish_one(story.publisher, false));
  REQUIRE(story.outbox->next_due() == story.clock.monotonic() + 50ms);
  story.clock.advance(49ms);
  write_events(*story.log, 2, 2);
  REQUIRE_FALSE(story.outbox->publish_one(story.publisher, false));
  story.clock.advance(1ms);
  REQUIRE(story.outbox->publish_one(story.publisher, false));
  REQUIRE(story.publisher.ranges() == Ranges{{1, 2}});

  write_large(*story.log, 100, 1000);
  REQUIRE(story.outbox->publish_one(story.publisher, false));
  REQUIRE(story.publisher.batches.at(0).payload.size() <= 64U << 10);
  REQUIRE(story.publisher.batches.at(0).payload.size() > 55U << 10);
  REQUIRE_FALSE(story.outbox->publish_one(story.publisher, false));  // the rest is not full
}

TEST_CASE("nothing is due while the publisher takes nothing") {
  Story story;
  write_events(*story.log, 1, 1);
  REQUIRE_FALSE(story.outbox->publish_one(story.publisher, false));
  REQUIRE(story.outbox->next_due());
  story.publisher.room = 0;  // the connection is lost while the batch waits for more events
  story.clock.advance(60ms);
  REQUIRE_FALSE(story.outbox->publish_one(story.publisher, false));
  REQUIRE_FALSE(story.outbox->next_due());
  story.publisher.room = 1;
  REQUIRE_FALSE(story.outbox->publish_one(story.publisher, false));
  story.clock.advance(50ms);
  REQUIRE(story.outbox->publish_one(story.publisher, false));
}

TEST_CASE("nothing is due after the publisher refused a batch that it seemed ready for") {
  Story story;
  write_events(*story.log, 1, 1);
  story.publisher.refuses = true;
  REQUIRE_FALSE(story.outbox->publish_one(story.publisher, true));
  REQUIRE_FALSE(story.outbox->next_due());
  story.publisher.refuses = false;
  REQUIRE(story.outbox->publish_one(story.publisher, true));
}

TEST_CASE("an event over 64 KiB travels alone") {
  Story story;
  write_events(*story.log, 1, 2);
  write_large(*story.log, 1, 100'000);
  write_events(*story.log, 4, 5);
  REQUIRE(story.publish() == Ranges{{1, 2}, {3, 3}, {4, 5}});
}

TEST_CASE("only what is durable is released, merged and in few steps") {
  Story story({.batch_size = 2000});
  write_large(*story.log, 10, 900);
  REQUIRE(story.publish() == Ranges{{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}});
  story.release();
  REQUIRE(story.released() == 0);
  story.tell(Verdict::durable, 1, 2);
  story.tell(Verdict::durable, 5, 6);
  story.tell(Verdict::durable, 3, 4);
  const auto before = story.files.mutations();
  story.release();
  REQUIRE(story.released() == 6);
  REQUIRE(story.files.mutations() - before <= 3);
  REQUIRE(story.outbox->counts().published == 6);
  REQUIRE_FALSE(story.outbox->empty());
  story.tell(Verdict::durable, 7, 10, 1);
  story.release();
  REQUIRE(story.outbox->empty());
  REQUIRE(story.outbox->counts().rejected == 1);
}

TEST_CASE("a release waits until the last one is 100 ms ago") {
  Story story;
  write_events(*story.log, 1, 2);
  story.publish();
  story.tell(Verdict::durable, 1, 1);
  story.release();
  story.tell(Verdict::durable, 2, 2);
  story.outbox->release(false);
  REQUIRE(story.released() == 1);
  REQUIRE(story.outbox->next_due() == story.clock.monotonic() + 100ms);
  story.release();
  REQUIRE(story.released() == 2);
}

TEST_CASE(
    "what is lost goes again before anything new, in order, and in batches as full as they can "
    "be") {
  Story story({.batch_size = 2000});
  write_large(*story.log, 8, 900);
  REQUIRE(story.publish() == Ranges{{1, 2}, {3, 4}, {5, 6}, {7, 8}});
  write_large(*story.log, 2, 900);
  story.tell(Verdict::lost, 5, 6);
  story.tell(Verdict::lost, 1, 1);
  story.tell(Verdict::durable, 3, 4);
  story.tell(Verdict::lost, 2, 2);
  REQUIRE(story.outbox->has_lost());
  REQUIRE(story.publish() == Ranges{{1, 2}, {5, 6}, {9, 10}});
  REQUIRE(story.outbox->counts().resent_batches == 2);
}

TEST_CASE("what turned out durable meanwhile does not go again, and is counted once") {
  Story story;
  write_events(*story.log, 1, 10);
  story.publish();
  story.tell(Verdict::lost, 1, 10);
  story.tell(Verdict::durable, 1, 4);
  story.tell(Verdict::durable, 7, 8);
  story.tell(Verdict::durable, 1, 8);
  REQUIRE(story.publish() == Ranges{{9, 10}});
  story.tell(Verdict::durable, 9, 10);
  story.tell(Verdict::lost, 9, 10);
  REQUIRE_FALSE(story.outbox->publish_one(story.publisher, true));
  REQUIRE(story.outbox->counts().published == 10);
}

TEST_CASE("a word on records that were never published is ignored") {
  Story story;
  write_events(*story.log, 1, 10);
  story.tell(Verdict::durable, 1, 10);
  story.tell(Verdict::durable, 11, 20);
  story.release();
  REQUIRE(story.released() == 0);
  REQUIRE(story.publish() == Ranges{{1, 10}});
}

TEST_CASE("after a restart everything that was not released goes again, and nothing else") {
  Story story({.batch_size = 2000});
  write_large(*story.log, 10, 900);
  story.publish();
  story.tell(Verdict::durable, 1, 2);
  story.tell(Verdict::durable, 5, 6);
  story.release();
  story.open();
  REQUIRE(story.publish() == Ranges{{3, 4}, {7, 8}, {9, 10}});
}

TEST_CASE("a damaged record costs itself, is released and passed over") {
  Story story;
  write_events(*story.log, 1, 5);
  const auto path = std::string("/buffer/telemetry/00000000000000000001.log");
  std::string segment;
  for (const auto& [name, bytes] : story.files.snapshot()) {
    if (as_text(bytes).find("{\"n\":3}") != std::string_view::npos) segment = name;
  }
  REQUIRE_FALSE(segment.empty());
  const auto at = as_text(story.files.contents(segment)).find("{\"n\":3}");
  story.files.flip(segment, at + 2);
  story.open();
  REQUIRE(story.publish() == Ranges{{1, 2}, {4, 5}});
  story.tell(Verdict::durable, 1, 2);
  story.tell(Verdict::durable, 4, 5);
  story.release();
  REQUIRE(story.released() == 5);
  REQUIRE(story.outbox->empty());
  REQUIRE(story.outbox->counts().published == 4);
}

TEST_CASE("a record without an envelope is passed over and counted") {
  Story story;
  write_events(*story.log, 1, 1);
  must(story.log->append(as_bytes("\x01no envelope")));
  write_events(*story.log, 3, 3);
  REQUIRE(story.publish() == Ranges{{1, 1}, {3, 3}});
  REQUIRE(story.outbox->counts().undecodable == 1);
}

TEST_CASE("a record of a newer program stops the pipeline and is kept") {
  Story story;
  write_events(*story.log, 1, 1);
  must(story.log->append(as_bytes("\xFFrom the future")));
  must(story.log->commit());
  REQUIRE(story.publish() == Ranges{{1, 1}});
  const auto health = story.outbox->health();
  REQUIRE_FALSE(health.up);
  REQUIRE(health.detail.find("newer program") != std::string::npos);
  story.tell(Verdict::durable, 1, 1);
  story.release();
  REQUIRE(story.released() == 1);
}

TEST_CASE("a broker that takes only small packets gets smaller batches") {
  Story story;
  story.publisher.size_max = 20'000;
  write_large(*story.log, 60, 1000);
  Ranges all;
  for (int i = 0; i < 10; ++i) {
    for (const auto& range : story.publish()) all.push_back(range);
  }
  std::uint64_t next = 1;
  for (const auto& [first, last] : all) {
    REQUIRE(first == next);
    next = last + 1;
  }
  REQUIRE(next == 61);
}

TEST_CASE("an event that the broker never takes stops its pipeline, in words") {
  Story story;
  story.publisher.size_max = 500;
  write_large(*story.log, 1, 1000);
  for (int i = 0; i < 20; ++i) story.publish();
  REQUIRE_FALSE(story.outbox->health().up);
  REQUIRE(story.outbox->health().detail.find("larger") != std::string::npos);
  REQUIRE(story.released() == 0);
}

TEST_CASE("a full window holds batches back, and nothing is skipped") {
  Story story;
  story.publisher.room = 1;
  write_events(*story.log, 1, 2);
  REQUIRE(story.publish() == Ranges{{1, 2}});
  write_events(*story.log, 3, 4);
  REQUIRE(story.publish().empty());
  story.publisher.room = 1;
  REQUIRE(story.publish() == Ranges{{3, 4}});
}

TEST_CASE("records that drop_oldest took before they went are not waited for") {
  Story story;
  auto small = tributary::edge::test::log_options();
  small.size_max = 128U << 10;
  small.segment_size = 32U << 10;
  small.when_full = WhenFull::drop_oldest;
  story.open(small);
  write_large(*story.log, 20, 1000);
  story.publish();
  story.tell(Verdict::lost, 1, 20);
  for (int i = 0; i < 20; ++i) write_large(*story.log, 20, 1000);
  const auto ranges = story.publish();
  const auto first = story.log->stats().first.value;
  REQUIRE(first > 20);
  REQUIRE(ranges.front().first == first);
  REQUIRE(ranges.back().second == 420);
  for (const auto& [from, to] : ranges) story.tell(Verdict::durable, from, to);
  story.release();
  REQUIRE(story.outbox->empty());
}

TEST_CASE("a disk that can't release for a while is shown, and released to later") {
  Story story;
  write_events(*story.log, 1, 5);
  story.publish();
  story.tell(Verdict::durable, 1, 5);
  story.files.fail_next(tributary::test::Operation::write, EIO);
  story.release();
  REQUIRE_FALSE(story.outbox->health().up);
  story.clock.advance(10s);
  story.release();
  REQUIRE(story.outbox->health().up);
  REQUIRE(story.released() == 5);
}

TEST_CASE("a forwarder gives each pipeline its turn, and what was lost goes first") {
  Story one({.batch_size = 2000});
  Story other({.batch_size = 2000});
  write_large(*one.log, 6, 900);
  write_large(*other.log, 6, 900);
  FakePublisher publisher;
  publisher.room = 4;
  Forwarder forwarder({one.outbox.get(), other.outbox.get()}, publisher, one.clock);
  forwarder.round(0ms, true);
  REQUIRE(publisher.ranges() == Ranges{{1, 2}, {1, 2}, {3, 4}, {3, 4}});
  publisher.words = {{Verdict::lost, other.log->id(), {{1}, {2}}, 0}};
  forwarder.round(0ms, true);
  publisher.room = 2;
  forwarder.round(0ms, true);
  const auto batches = publisher.batches;
  REQUIRE(batches.at(0).log == other.log->id());
  REQUIRE(publisher.ranges() == Ranges{{1, 2}, {5, 6}});
}

TEST_CASE(
    "whatever is lost, told twice or late, each record is released exactly when it is durable") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Story story({.batch_size = 400});
  std::uint64_t written = 0;
  std::vector<bool> durable(1, true);
  Ranges in_flight;
  for (int step = 0; step < 2000; ++step) {
    if (random() % 4 == 0 && written < 1500) {
      const auto more = 1 + random() % 20;
      write_events(*story.log, written + 1, written + more);
      written += more;
      durable.resize(static_cast<std::size_t>(written) + 1, false);
    }
    story.publisher.room = random() % 4;
    for (const auto& range : story.publish()) in_flight.push_back(range);
    if (!in_flight.empty() && random() % 2 == 0) {
      const auto at = random() % in_flight.size();
      const auto [first, last] = in_flight[at];
      const bool lost = random() % 3 == 0;
      story.tell(lost ? Verdict::lost : Verdict::durable, first, last);
      if (!lost)
        std::fill(durable.begin() + static_cast<std::ptrdiff_t>(first),
                  durable.begin() + static_cast<std::ptrdiff_t>(last) + 1, true);
      if (lost || random() % 4 != 0)
        in_flight.erase(in_flight.begin() + static_cast<std::ptrdiff_t>(at));
    }
    story.release();
    const auto position = story.log->position(kPublisherCursor);
    for (std::uint64_t n = 1; n <= written; ++n) {
      if (position.released({n})) REQUIRE(durable[static_cast<std::size_t>(n)]);
    }
    if (random() % 200 == 0) {
      story.open();
      in_flight.clear();
    }
  }
  for (int step = 0; step < 1000 && !story.outbox->empty(); ++step) {
    for (const auto& [first, last] : in_flight) story.tell(Verdict::durable, first, last);
    story.publisher.room = 100;
    in_flight = story.publish();
    story.release();
  }
  REQUIRE(story.outbox->empty());
  REQUIRE(story.released() == written);
}

TEST_CASE("ranges are merged when they touch or overlap") {
  std::vector<SequenceRange> ranges;
  insert_merged(ranges, {{5}, {6}});
  insert_merged(ranges, {{1}, {2}});
  insert_merged(ranges, {{9}, {9}});
  REQUIRE(ranges == std::vector<SequenceRange>{{{1}, {2}}, {{5}, {6}}, {{9}, {9}}});
  insert_merged(ranges, {{3}, {4}});
  REQUIRE(ranges == std::vector<SequenceRange>{{{1}, {6}}, {{9}, {9}}});
  insert_merged(ranges, {{4}, {20}});
  REQUIRE(ranges == std::vector<SequenceRange>{{{1}, {20}}});
}
