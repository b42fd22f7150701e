#include "collector/stream/embedded_stream.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/unit/collector/embedded_fixture.h"

namespace tributary::collector {
namespace {

using namespace stream_verbs;

TEST_CASE("an embedded record keeps the boot and the time since it") {
  const TemporaryDirectory directory;
  const auto stream = open_stream(small_stream(directory.path()));
  const auto producer = stream->make_producer();
  auto sent = record("event");
  sent.envelope.boot = Id::random();
  sent.envelope.monotonic = std::chrono::nanoseconds(123'456'789'012);
  REQUIRE(producer->append(sent).has_value());
  wait_until_durable(*producer, 1);

  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 1);
  const auto& entry = batches.front().entries.front();
  REQUIRE(entry.envelope.boot == sent.envelope.boot);
  REQUIRE(entry.envelope.monotonic == sent.envelope.monotonic);
  REQUIRE(entry.partition == 0);
  REQUIRE(entry.offset == 1);
}

TEST_CASE("deliveries come in the order of the appends") {
  const TemporaryDirectory directory;
  const auto stream = open_stream(small_stream(directory.path()));
  const auto producer = stream->make_producer();
  for (std::uint64_t token = 0; token < 5000; ++token) {
    REQUIRE(producer->append(record("event", token)).has_value());
  }
  const auto tokens = wait_until_durable(*producer, 5000);
  for (std::uint64_t i = 0; i < tokens.size(); ++i) REQUIRE(tokens[i] == i);
}

TEST_CASE("a poll with nothing on its way waits for its time, so that a loop doesn't spin") {
  const TemporaryDirectory directory;
  const auto stream = open_stream(small_stream(directory.path()));
  const auto producer = stream->make_producer();
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(producer->poll(kMoment).empty());
  REQUIRE(std::chrono::steady_clock::now() - begin >= kMoment);
}

TEST_CASE("a producer that never polls is refused at a bound") {
  const TemporaryDirectory directory;
  auto options = small_stream(directory.path());
  options.size_max = 64U << 20;
  const auto stream = open_stream(options);
  const auto producer = stream->make_producer();
  const auto fill = [&] {
    std::size_t taken = 0;
    while (producer->append(record("x"))) ++taken;
    return taken;
  };
  const auto taken = fill();
  REQUIRE(taken <= 65'536);
  REQUIRE(producer->append(record("x")).error() == errc::queue_full);
  wait_until_durable(*producer, taken);
  REQUIRE(producer->append(record("x")).has_value());
}

TEST_CASE("a record that is no envelope is received as damaged, with its bytes") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  {
    const auto log = open_records(options);
    REQUIRE(log->append(as_bytes("\x01no envelope")).has_value());
    REQUIRE(log->commit().has_value());
  }
  const auto stream = open_stream(options);
  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 1);
  REQUIRE(batches.front().entries.front().damaged);
  REQUIRE(batches.front().entries.front().envelope.event == "\x01no envelope");
  settle(*consumer, batches, Outcome::Verdict::rejected);
  REQUIRE(balanced_account(*stream).totals.rejected == 1);
}

TEST_CASE("a record of a newer program is neither received nor settled, nor what comes behind it") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  {
    const auto log = open_records(options);
    Bytes known;
    encode(record("known").envelope, known);
    REQUIRE(log->append(known).has_value());
    REQUIRE(log->append(as_bytes("\x02of tomorrow")).has_value());
    REQUIRE(log->append(known).has_value());
    REQUIRE(log->commit().has_value());
  }
  const auto stream = open_stream(options);
  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 1);
  REQUIRE(batches.front().entries.size() == 1);
  settle(*consumer, batches, Outcome::Verdict::stored);
  const auto next = consumer->receive({}, std::chrono::milliseconds(0));
  REQUIRE_FALSE(next);
  REQUIRE(next.error() == errc::unknown_version);
  REQUIRE(balanced_account(*stream).lag == 2);
}

TEST_CASE("a dead letter that is no envelope is listed as damaged, with its bytes") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  {
    const auto log = open_dead_letters(options);
    REQUIRE(log->append(as_bytes("\x01no envelope")).has_value());
    REQUIRE(log->commit().has_value());
  }
  const auto stream = open_stream(options);
  const auto listed = stream->dead_letters(0, 10);
  REQUIRE(listed.has_value());
  REQUIRE(listed->size() == 1);
  REQUIRE(listed->front().reason == "damaged");
  REQUIRE(listed->front().event == "\x01no envelope");
}

TEST_CASE("what is released ahead of the cursor's prefix is not received again") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  {
    const auto stream = open_stream(options);
    deliver(*stream->make_producer(), numbered_events(10));
  }
  {
    const auto log = open_records(options);
    REQUIRE(log->release("persisters", {{3}, {4}}).has_value());
    REQUIRE(log->release("persisters", {{8}, {8}}).has_value());
  }
  const auto stream = open_stream(options);
  REQUIRE(balanced_account(*stream).lag == 7);
  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 7);
  REQUIRE(events(batches) == std::vector<std::string>{"record 0", "record 1", "record 4",
                                                      "record 5", "record 6", "record 8",
                                                      "record 9"});
  settle(*consumer, batches);
  REQUIRE(balanced_account(*stream).lag == 0);
}

TEST_CASE("dead letters that were counted stay listed until their log is full") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  const std::string large(50'000, 'x');
  {
    const auto stream = open_stream(options);
    for (int i = 0; i < 10; ++i) reject(*stream, {large});
    REQUIRE(stream->dead_letters(0, 100)->size() == 10);
  }
  const auto stream = open_stream(options);
  REQUIRE(stream->dead_letters(0, 100)->size() == 10);
  for (int i = 0; i < 40; ++i) reject(*stream, {large});
  const auto listed = stream->dead_letters(0, 100);
  REQUIRE(listed->size() < 25);
  REQUIRE(listed->size() > 10);
  REQUIRE(listed->back().sequence == 50);
}

TEST_CASE("a topic that is no file name is refused") {
  const TemporaryDirectory directory;
  auto options = small_stream(directory.path());
  for (const char* topic : {"", ".", "..", "a/b", "/etc", "a b"}) {
    options.topic = topic;
    const auto stream = open_embedded_stream(posix_file_system(), options);
    REQUIRE(!stream.has_value());
    REQUIRE(stream.error() == errc::invalid_argument);
  }
}

TEST_CASE("a stream that is open already is refused") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  const auto stream = open_stream(options);
  const auto second = open_embedded_stream(posix_file_system(), options);
  REQUIRE(!second.has_value());
  REQUIRE(second.error() == errc::log_locked);
}

TEST_CASE("health warns when the stream is nearly full, and no longer once it is settled") {
  const TemporaryDirectory directory;
  const auto stream = open_stream(small_stream(directory.path()));
  REQUIRE(stream->health().up);
  REQUIRE(!stream->health().warning);
  const auto producer = stream->make_producer();
  const std::string large(100'000, 'x');
  std::size_t taken = 0;
  while (producer->append(record(large))) {
    ++taken;
    wait_until_durable(*producer, 1);
  }
  const auto check = stream->health();
  REQUIRE(check.up);
  REQUIRE(check.warning);
  REQUIRE(check.detail.find("% full") != std::string::npos);

  const auto consumer = stream->make_consumer();
  settle(*consumer, receive(*consumer, taken));
  REQUIRE(!stream->health().warning);
}

}  // namespace
}  // namespace tributary::collector
