#include "collector/store/postgresql_error.h"

#include <catch2/catch.hpp>

namespace tributary::collector {

TEST_CASE("a SQLSTATE says whether it is the row's own fault") {
  for (const auto* state : {"22021", "22003", "22P05", "23502", "23505", "23514", "54000"}) {
    CAPTURE(state);
    REQUIRE(is_of_the_row(state));
  }
}

TEST_CASE("what may be mended while the collector waits, and what isn't known, is no row's fault") {
  for (const auto* state : {"08006", "53100", "53300", "55P03", "57014", "57P03", "58030",
                            "40001", "40P01", "25006", "26000", "3D000", "28P01", "42P01",
                            "42501", "22P04", "XX000", "0A000", "",      "2",     "99999"}) {
    CAPTURE(state);
    REQUIRE_FALSE(is_of_the_row(state));
  }
}

TEST_CASE("a SQLSTATE says when it is the server that can't") {
  for (const auto* state : {"08006", "53100", "53300", "55P03", "57014", "57P03", "58030", "40001",
                            "40P01", "25006", "3D000", "28P01", "42P01", "42501", "XX000"}) {
    CAPTURE(state);
    REQUIRE(is_of_the_server(state));
  }
  for (const auto* state : {"P0001", "0A000", "22003", "23505", "44000", "", "2"}) {
    CAPTURE(state);
    REQUIRE_FALSE(is_of_the_server(state));
  }
}

TEST_CASE("a SQLSTATE says when the table is not what it was") {
  for (const auto* state : {"42P01", "42703", "42P10", "42501"}) REQUIRE(is_of_the_table(state));
  REQUIRE_FALSE(is_of_the_table("40001"));
  REQUIRE(is_missing_table("42P01"));
  REQUIRE_FALSE(is_missing_table("42703"));
  REQUIRE(is_cancelled("57014"));
}

}  // namespace tributary::collector
