#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/held_file_system.h"
#include "tests/unit/collector/embedded_fixture.h"

// The embedded stream on a disk that is slow, fails, or gives back other bytes than it got.
namespace tributary::collector {
namespace {

using namespace stream_verbs;
using std::chrono::milliseconds;

// Changes the first byte of `text` in the one file that has it.
void damage(const std::filesystem::path& directory, const std::string& text) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory)) {
    if (!file.is_regular_file()) continue;
    std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream),
                            std::istreambuf_iterator<char>()};
    const auto at = bytes.find(text);
    if (at == std::string::npos) continue;
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(static_cast<char>(bytes[at] ^ 1));
    return;
  }
  FAIL("no file has " + text);
}

TEST_CASE("nothing is delivered nor received while a sync is held") {
  const TemporaryDirectory directory;
  test::HeldFileSystem files;
  const auto stream = open_stream(small_stream(directory.path()), files);
  const auto producer = stream->make_producer();
  const auto consumer = stream->make_consumer();
  files.hold();
  REQUIRE(producer->append(record("event")).has_value());
  REQUIRE(files.wait_until_held());
  REQUIRE(producer->poll(kMoment).empty());
  REQUIRE(consumer->receive({}, kMoment)->empty());
  REQUIRE(balanced_account(*stream).records == 0);

  files.release();
  wait_until_durable(*producer, 1);
  REQUIRE(events(receive(*consumer, 1)) == std::vector<std::string>{"event"});
}

TEST_CASE(
    "a held sync keeps nobody from appending, and the next one takes all that came meanwhile") {
  const TemporaryDirectory directory;
  test::HeldFileSystem files;
  const auto stream = open_stream(small_stream(directory.path()), files);
  const auto producer = stream->make_producer();
  deliver(*producer, {"first, so that there is a segment"});
  files.hold();
  REQUIRE(producer->append(record("held")).has_value());
  REQUIRE(files.wait_until_held());
  const auto syncs = files.syncs();
  for (const auto& event : numbered_events(1000)) {
    REQUIRE(producer->append(record(event)).has_value());
  }
  files.release();
  wait_until_durable(*producer, 1001);
  REQUIRE(files.syncs() == syncs + 2);  // the held one, and one for all the others
}

TEST_CASE("while the disk fails nothing is delivered as failed, and health says why") {
  const TemporaryDirectory directory;
  test::HeldFileSystem files;
  const auto stream = open_stream(small_stream(directory.path()), files);
  const auto producer = stream->make_producer();
  const auto consumer = stream->make_consumer();
  deliver(*producer, {"before"});
  settle(*consumer, receive(*consumer, 1));

  files.fail();
  for (const auto& event : numbered_events(100)) {
    REQUIRE(producer->append(record(event)).has_value());
  }
  REQUIRE(files.wait_until_failed(3));
  REQUIRE(producer->poll(milliseconds(0)).empty());
  REQUIRE(eventually([&] { return !stream->health().up; }));
  REQUIRE(stream->health().detail.find("cannot sync") != std::string::npos);
  REQUIRE(balanced_account(*stream).lag == 0);

  files.mend();
  wait_until_durable(*producer, 100);
  REQUIRE(eventually([&] { return stream->health().up; }));
  REQUIRE(events(receive(*consumer, 100)) == numbered_events(100));
}

TEST_CASE("dead letters wait for the disk as records do") {
  const TemporaryDirectory directory;
  test::HeldFileSystem files;
  const auto stream = open_stream(small_stream(directory.path()), files);
  const auto producer = stream->make_dead_letter_producer();
  files.fail();
  REQUIRE(producer->append(rejected_record("bad")).has_value());
  REQUIRE(files.wait_until_failed(1));
  REQUIRE(producer->poll(milliseconds(0)).empty());
  REQUIRE(eventually([&] { return !stream->health().up; }));
  REQUIRE(balanced_account(*stream).records == 0);
  files.mend();
  wait_until_durable(*producer, 1);
  REQUIRE(balanced_account(*stream).totals.rejected == 1);
}

TEST_CASE("a stream whose disk fails can be closed") {
  const TemporaryDirectory directory;
  test::HeldFileSystem files;
  auto stream = open_stream(small_stream(directory.path()), files);
  auto producer = stream->make_producer();
  files.fail();
  REQUIRE(producer->append(record("lost, and never promised")).has_value());
  REQUIRE(files.wait_until_failed(2));
  producer.reset();
  stream.reset();
}

TEST_CASE("a settle that fails changes nothing, and can be tried again") {
  const TemporaryDirectory directory;
  test::HeldFileSystem files;
  const auto options = small_stream(directory.path());
  {
    const auto stream = open_stream(options, files);
    const auto consumer = stream->make_consumer();
    deliver(*stream->make_producer(), {"event"});
    const auto batches = receive(*consumer, 1);
    const std::vector<Outcome> outcomes{{Outcome::Verdict::stored, {}}};
    files.fail();
    REQUIRE(!consumer->settle(batches.front(), outcomes).has_value());
    REQUIRE(balanced_account(*stream).lag == 1);
    files.mend();
    REQUIRE(consumer->settle(batches.front(), outcomes).has_value());
    REQUIRE(balanced_account(*stream).totals.stored == 1);
  }
  const auto stream = open_stream(options, files);
  REQUIRE(balanced_account(*stream).totals.stored == 1);
}

TEST_CASE("a record damaged in the middle is missing, and rejected in the account") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  {
    const auto stream = open_stream(options);
    deliver(*stream->make_producer(), {"first", "the one to be damaged", "third"});
  }
  damage(directory.path(), "the one to be damaged");
  {
    const auto stream = open_stream(options);
    REQUIRE(stream->health().up);
    REQUIRE(stream->health().warning);
    REQUIRE(balanced_account(*stream).lag == 3);

    const auto consumer = stream->make_consumer();
    const auto batches = receive(*consumer, 3);
    REQUIRE(events(batches) == std::vector<std::string>{"first", "third"});
    REQUIRE(batches.front().missing.size() == 1);
    REQUIRE(batches.front().missing[0].first == 2);
    REQUIRE(batches.front().missing[0].last == 2);
    settle(*consumer, batches);
    REQUIRE(balanced_account(*stream).lag == 0);
  }
  const auto stream = open_stream(options);
  const auto account = balanced_account(*stream);
  REQUIRE(account.records == 3);
  REQUIRE(account.totals == Totals{.stored = 2, .duplicates = 0, .conflicts = 0, .rejected = 1});
}

TEST_CASE("a record damaged while the stream is open is missing, too") {
  const TemporaryDirectory directory;
  const auto stream = open_stream(small_stream(directory.path()));
  deliver(*stream->make_producer(), {"first", "the one to be damaged", "third"});
  damage(directory.path(), "the one to be damaged");
  const auto consumer = stream->make_consumer();
  settle(*consumer, receive(*consumer, 3));
  REQUIRE(balanced_account(*stream).records == 3);
  REQUIRE(balanced_account(*stream).totals.rejected == 1);
}

TEST_CASE("a last record that is damaged is settled as missing") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  {
    const auto stream = open_stream(options);
    deliver(*stream->make_producer(), {"first", "the one to be damaged"});
  }
  damage(directory.path(), "the one to be damaged");
  const auto stream = open_stream(options);
  const auto consumer = stream->make_consumer();
  settle(*consumer, receive(*consumer, 2));
  REQUIRE(balanced_account(*stream).records == 2);
  REQUIRE(balanced_account(*stream).totals.rejected == 1);
  deliver(*stream->make_producer(), {"after"});
  settle(*consumer, receive(*consumer, 1));
  REQUIRE(balanced_account(*stream).records == 3);
  REQUIRE(balanced_account(*stream).totals.stored == 2);
}

}  // namespace
}  // namespace tributary::collector
