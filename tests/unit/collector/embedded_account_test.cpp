#include <catch2/catch.hpp>
#include <string>

#include "collector/stream/totals_codec.h"
#include "tests/unit/collector/embedded_fixture.h"

// The account of an embedded stream, across restarts and whatever happened to its cursors.
namespace tributary::collector {
namespace {

using namespace stream_verbs;

Bytes encoded(const Record& record) {
  Bytes bytes;
  encode(record.envelope, bytes);
  return bytes;
}

// Puts a letter into the log of dead letters as a program does that dies before it counted it.
void reject_and_die(const EmbeddedStreamOptions& options, const std::string& event) {
  const auto log = open_dead_letters(options);
  REQUIRE(log->append(encoded(rejected_record(event))).has_value());
  REQUIRE(log->commit().has_value());
}

void save_totals(const EmbeddedStreamOptions& options, SequenceRange range, const Bytes& data) {
  const auto log = open_records(options);
  REQUIRE(log->release(options.group, range, data).has_value());
}

TEST_CASE("what was rejected at ingest is counted across restarts") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  for (std::uint64_t times = 1; times <= 3; ++times) {
    const auto stream = open_stream(options);
    reject(*stream, {"bad", "worse"});
    REQUIRE(balanced_account(*stream).totals.rejected == 2 * times);
  }
  REQUIRE(balanced_account(*open_stream(options)).records == 6);
}

TEST_CASE("what was rejected at ingest is counted once when the program died before it was saved") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  reject(*open_stream(options), {"counted"});
  reject_and_die(options, "not counted");
  reject_and_die(options, "nor this");
  REQUIRE(balanced_account(*open_stream(options)).totals.rejected == 3);
  {
    const auto stream = open_stream(options);
    REQUIRE(balanced_account(*stream).totals.rejected == 3);
    reject(*stream, {"one more"});
  }
  REQUIRE(balanced_account(*open_stream(options)).totals.rejected == 4);
}

TEST_CASE("what was rejected at ingest stays counted when its dead letters are dropped") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  const std::string large(100'000, 'x');
  {
    const auto stream = open_stream(options);
    for (int i = 0; i < 30; ++i) reject(*stream, {large});
    REQUIRE(stream->dead_letters(0, 100)->size() < 30);
    REQUIRE(balanced_account(*stream).totals.rejected == 30);
  }
  REQUIRE(balanced_account(*open_stream(options)).totals.rejected == 30);
}

TEST_CASE("dead letters written faster than they are committed are all counted") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  constexpr std::size_t kLetters = 200;
  const std::string large(20'000, 'x');
  {
    const auto stream = open_stream(options);
    const auto producer = stream->make_dead_letter_producer();
    std::size_t delivered = 0;
    for (std::size_t appended = 0; appended < kLetters;) {
      if (producer->append(rejected_record(large))) {
        ++appended;
      } else {
        delivered += producer->poll(kPatience).size();
      }
    }
    wait_until_durable(*producer, kLetters - delivered);
    REQUIRE(balanced_account(*stream).totals.rejected == kLetters);
  }
  REQUIRE(balanced_account(*open_stream(options)).totals.rejected == kLetters);
}

TEST_CASE("totals outlive the segments that are gone") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  const std::vector<std::string> large(10, std::string(100'000, 'x'));
  std::uint64_t sent = 0;
  for (int start = 0; start < 4; ++start) {
    const auto stream = open_stream(options);
    const auto consumer = stream->make_consumer();
    deliver(*stream->make_producer(), large);
    sent += large.size();
    settle(*consumer, receive(*consumer, large.size()));
    REQUIRE(balanced_account(*stream).records == sent);
    REQUIRE(balanced_account(*stream).totals.stored == sent);
  }
}

TEST_CASE("a group that joins late counts what it can still read, and balances") {
  const TemporaryDirectory directory;
  auto options = small_stream(directory.path());
  const std::vector<std::string> large(10, std::string(100'000, 'x'));
  {
    const auto stream = open_stream(options);
    const auto consumer = stream->make_consumer();
    const auto producer = stream->make_producer();
    deliver(*producer, large);
    settle(*consumer, receive(*consumer, large.size()));
    deliver(*producer, large);
  }
  options.group = "others";
  {
    const auto stream = open_stream(options);
    const auto account = balanced_account(*stream);
    REQUIRE(account.totals == Totals{});
    REQUIRE(account.lag >= large.size());
    REQUIRE(account.lag < 2 * large.size());
    REQUIRE(stream->health().warning);
    const auto consumer = stream->make_consumer();
    settle(*consumer, receive(*consumer, account.lag));
    REQUIRE(balanced_account(*stream).totals.stored == account.lag);
  }
  const auto stream = open_stream(options);
  REQUIRE(balanced_account(*stream).lag == 0);
}

TEST_CASE("totals of a newer program are refused, and left as they are") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  deliver(*open_stream(options)->make_producer(), {"event"});
  Bytes newer = encode_totals({.stored = 1});
  newer.front() = std::byte{2};
  save_totals(options, {{1}, {1}}, newer);
  for (int twice = 0; twice < 2; ++twice) {
    const auto stream = open_embedded_stream(posix_file_system(), options);
    REQUIRE(!stream.has_value());
    REQUIRE(stream.error() == errc::unknown_version);
    REQUIRE(stream.error().message().find("persisters") != std::string::npos);
  }
}

TEST_CASE("totals that make no sense begin anew, and health says so") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  deliver(*open_stream(options)->make_producer(), {"settled", "lagging"});
  SECTION("they are too short") {
    save_totals(options, {{1}, {1}}, Bytes{std::byte{1}, std::byte{0}});
  }
  SECTION("they count more than was released") {
    save_totals(options, {{1}, {1}}, encode_totals({.stored = 2}));
  }
  SECTION("they are not there") { save_totals(options, {{1}, {1}}, {}); }
  const auto stream = open_stream(options);
  REQUIRE(stream->health().up);
  REQUIRE(stream->health().warning);
  REQUIRE(stream->health().detail.find("begin anew after record 1") != std::string::npos);
  REQUIRE(balanced_account(*stream).records == 1);
  REQUIRE(balanced_account(*stream).lag == 1);
}

TEST_CASE("a count of what was rejected of a newer program is refused") {
  const TemporaryDirectory directory;
  const auto options = small_stream(directory.path());
  reject(*open_stream(options), {"bad"});
  {
    const auto log = open_dead_letters(options);
    const Bytes newer{std::byte{2}};
    REQUIRE(log->release("account", {{1}, {1}}, newer).has_value());
  }
  const auto stream = open_embedded_stream(posix_file_system(), options);
  REQUIRE(!stream.has_value());
  REQUIRE(stream.error() == errc::unknown_version);
}

TEST_CASE("the account balances at any moment while others append and settle") {
  const TemporaryDirectory directory;
  const auto stream = open_stream(small_stream(directory.path()));
  constexpr std::size_t kRecords = 3000;
  const std::jthread ingest([&] {
    const auto producer = stream->make_producer();
    const auto dead_letters = stream->make_dead_letter_producer();
    for (std::size_t i = 0; i < kRecords; ++i) {
      auto& to = i % 10 == 0 ? *dead_letters : *producer;
      const auto one = i % 10 == 0 ? rejected_record("bad") : record("good");
      while (!to.append(one)) to.poll(kMoment);
    }
  });
  const std::jthread persister([&] {
    const auto consumer = stream->make_consumer();
    for (std::size_t settled = 0; settled < kRecords - kRecords / 10;) {
      const auto batch = consumer->receive({.records = 100, .bytes = 1U << 20}, kMoment);
      if (!batch) return;
      const std::vector<Outcome> outcomes(batch->entries.size(), {Outcome::Verdict::stored, {}});
      if (!consumer->settle(*batch, outcomes)) return;
      settled += batch->entries.size();
    }
  });
  std::uint64_t last = 0;
  const bool finished = eventually([&] {
    const auto account = stream->account();
    REQUIRE(account->balances());
    REQUIRE(account->records >= last);
    last = account->records;
    return account->records == kRecords && account->lag == 0;
  });
  REQUIRE(finished);
}

}  // namespace
}  // namespace tributary::collector
