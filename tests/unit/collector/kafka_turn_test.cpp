#include "collector/stream/kafka_turn.h"

#include <catch2/catch.hpp>

namespace tributary::collector {
namespace {

KafkaTurn::Beginning beginning(std::optional<std::uint64_t> committed, std::uint64_t low,
                               std::uint64_t high) {
  return {
      .partition = 1, .turn = 7, .committed = committed, .totals = {}, .low = low, .high = high};
}

TEST_CASE("a group without a commit begins at the oldest record, and has lost nothing") {
  KafkaTurn turn(beginning({}, 5, 10));
  REQUIRE(turn.position() == 5);
  REQUIRE(turn.take_missing().empty());
  REQUIRE(!turn.is_anew());
}

TEST_CASE("a group goes on where it committed") {
  KafkaTurn turn(beginning(8, 5, 10));
  REQUIRE(turn.position() == 8);
  REQUIRE(turn.take_missing().empty());
}

TEST_CASE("what the retention took after the commit is missing, once") {
  KafkaTurn turn(beginning(2, 5, 10));
  REQUIRE(turn.position() == 5);
  const auto missing = turn.take_missing();
  REQUIRE(missing.size() == 1);
  REQUIRE(missing.front().first == 2);
  REQUIRE(missing.front().last == 4);
  REQUIRE(missing.front().turn == 7);
  REQUIRE(turn.take_missing().empty());
  const auto span = turn.take_span();
  REQUIRE(span.has_value());
  REQUIRE(span->first == 2);
  REQUIRE(span->last == 4);
}

TEST_CASE("a commit beyond the end is of a topic that was made anew") {
  const KafkaTurn turn(beginning(11, 0, 10));
  REQUIRE(turn.is_anew());
  REQUIRE(turn.position() == 0);
}

TEST_CASE("offsets without a record are settled with the next one, and counted nowhere") {
  KafkaTurn turn(beginning(0, 0, 10));
  REQUIRE(turn.receive(0, 1));
  REQUIRE(turn.receive(3, 1));
  REQUIRE(turn.take_missing().empty());
  const auto span = turn.take_span();
  REQUIRE(span.has_value());
  REQUIRE(span->first == 0);
  REQUIRE(span->last == 3);
  const auto totals = turn.totals_after(*span, {.stored = 2});
  REQUIRE(totals == Totals{.stored = 2});
}

TEST_CASE("offsets that could not be read are missing") {
  KafkaTurn turn(beginning(0, 0, 10));
  REQUIRE(turn.receive(0, 1));
  turn.lose_next();
  REQUIRE(turn.receive(3, 1));
  const auto missing = turn.take_missing();
  REQUIRE(missing.size() == 1);
  REQUIRE(missing.front().first == 1);
  REQUIRE(missing.front().last == 2);
}

TEST_CASE("a record that came before is not received again") {
  KafkaTurn turn(beginning(4, 0, 10));
  REQUIRE(!turn.receive(3, 1));
  REQUIRE(turn.receive(4, 1));
  REQUIRE(!turn.receive(4, 1));
}

TEST_CASE("the totals add up over the spans of a turn, and the oldest record moves on") {
  KafkaTurn turn(beginning(0, 0, 10));
  REQUIRE(!turn.oldest_ms());
  REQUIRE(turn.receive(0, 100));
  REQUIRE(turn.receive(1, 200));
  const auto first = turn.take_span();
  REQUIRE(turn.receive(2, 300));
  const auto second = turn.take_span();
  REQUIRE(turn.oldest_ms() == 100);
  turn.settle(*first, turn.totals_after(*first, {.stored = 1, .duplicates = 1}));
  REQUIRE(turn.oldest_ms() == 300);
  const auto totals = turn.totals_after(*second, {.conflicts = 1});
  REQUIRE(totals == Totals{.stored = 1, .duplicates = 1, .conflicts = 1});
  turn.settle(*second, totals);
  REQUIRE(!turn.oldest_ms());
}

}  // namespace
}  // namespace tributary::collector
