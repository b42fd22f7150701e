#include "shared/base/nearest.h"

#include <array>
#include <catch2/catch.hpp>

using tributary::nearest;

TEST_CASE("the nearest name is the one with the fewest slips of the hand") {
  constexpr std::array<std::string_view, 4> kKnown{"topic", "table", "password_file", "if"};
  REQUIRE(nearest("topci", kKnown) == "topic");
  REQUIRE(nearest("tabel", kKnown) == "table");
  REQUIRE(nearest("pasword_fiel", kKnown) == "password_file");
  REQUIRE(nearest("iff", kKnown) == "if");
}

TEST_CASE("what is far from every known name is near to none") {
  constexpr std::array<std::string_view, 3> kKnown{"topic", "if", "id"};
  REQUIRE(nearest("colour", kKnown).empty());
  REQUIRE(nearest("on", kKnown).empty());
  REQUIRE(nearest("x", kKnown).empty());
  REQUIRE(nearest("", kKnown).empty());
  REQUIRE(nearest("x", {}).empty());
}
