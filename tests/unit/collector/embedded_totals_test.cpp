#include <catch2/catch.hpp>
#include <limits>

#include "collector/outcome.h"
#include "collector/stream/totals_codec.h"

namespace tributary::collector {
namespace {

TEST_CASE("totals are saved as TOTALS.md says") {
  const auto data = encode_totals({.stored = 3, .duplicates = 1, .conflicts = 0, .rejected = 258});
  REQUIRE(data.size() == 33);
  REQUIRE(data[0] == std::byte{1});
  REQUIRE(data[1] == std::byte{3});
  REQUIRE(data[9] == std::byte{1});
  REQUIRE(data[17] == std::byte{0});
  REQUIRE(data[25] == std::byte{2});
  REQUIRE(data[26] == std::byte{1});
}

TEST_CASE("totals come back as they were saved") {
  const Totals totals{.stored = std::numeric_limits<std::uint64_t>::max(),
                      .duplicates = 1ULL << 40,
                      .conflicts = 2,
                      .rejected = 0};
  REQUIRE(decode_totals(encode_totals(totals)) == totals);
}

TEST_CASE("bytes that are no totals are refused") {
  auto data = encode_totals({.stored = 1});
  REQUIRE(decode_totals({}).error() == errc::corrupt);
  data.pop_back();
  REQUIRE(decode_totals(data).error() == errc::corrupt);
  data.resize(34);
  REQUIRE(decode_totals(data).error() == errc::corrupt);
  data[0] = std::byte{2};
  REQUIRE(decode_totals(data).error() == errc::unknown_version);
}

TEST_CASE("each verdict has its own total") {
  Totals totals;
  totals.count(Outcome::Verdict::stored, 4);
  totals.count(Outcome::Verdict::duplicate, 3);
  totals.count(Outcome::Verdict::conflict, 2);
  totals.count(Outcome::Verdict::rejected);
  REQUIRE(totals == Totals{.stored = 4, .duplicates = 3, .conflicts = 2, .rejected = 1});
  REQUIRE(totals.settled() == 10);
}

}  // namespace
}  // namespace tributary::collector
