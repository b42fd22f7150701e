#include "collector/store/sqlite_rollup_row.h"

#include <catch2/catch.hpp>

namespace tributary::collector {
namespace {

void add(RollupRow& row, std::string_view event) {
  CanonicalNumbers numbers(kRollupNameSizeMax);
  numbers.read(event);
  row.add(numbers);
}

std::string many_fields(std::size_t first, std::size_t count) {
  std::string text = "{";
  for (std::size_t i = first; i < first + count; ++i) {
    text += (i == first ? "\"f" : ",\"f") + std::to_string(i) + "\":" + std::to_string(i);
  }
  return text + "}";
}

}  // namespace

TEST_CASE("a row of rollups holds the numbers of its events, in whatever order they come") {
  RollupRow row;
  add(row, R"({"a":1,"b":{"c":2.5}})");
  add(row, R"({"b":{"c":-1},"d":"x"})");
  add(row, R"({"0":7,"a":3})");
  REQUIRE(row.events() == 3);
  REQUIRE(row.field("\"a\"")->count == 2);
  REQUIRE(row.field("\"a\"")->sum == 4);
  REQUIRE(row.field("\"b\"\"c\"")->min == -1);
  REQUIRE(row.field("\"b\"\"c\"")->max == 2.5);
  REQUIRE(row.field("\"0\"")->sum == 7);
  REQUIRE(row.field("\"d\"")->count == 0);
}

TEST_CASE("a row of rollups is stored as its format says, and read again") {
  RollupRow row;
  add(row, R"({"a":1.5})");
  const std::string one("\0\0\0\0\0\0\xf8\x3f", 8);
  REQUIRE(row.fields() == std::string("\0\x03\"a\"\1\0\0\0\0\0\0\0", 13) + one + one + one);
  auto again = RollupRow::parse(1, row.fields());
  REQUIRE(again);
  add(*again, R"({"a":2.5})");
  REQUIRE(again->events() == 2);
  REQUIRE(again->field("\"a\"")->sum == 4);
}

TEST_CASE("a row of rollups that is full knows that it can't tell of other fields") {
  RollupRow row;
  add(row, many_fields(0, kRollupFieldsMax));
  REQUIRE(row.field("\"x\"")->count == 0);
  add(row, many_fields(1, kRollupFieldsMax));
  REQUIRE_FALSE(row.field("\"x\""));
  REQUIRE_FALSE(row.field("\"f64\""));
  REQUIRE(row.field("\"f0\"")->count == 1);
  REQUIRE(row.field("\"f63\"")->count == 2);
  const auto again = RollupRow::parse(2, row.fields());
  REQUIRE_FALSE(again->field("\"x\""));
}

TEST_CASE("a row of rollups leaves out a field with a long name") {
  RollupRow row;
  add(row, "{\"" + std::string(kRollupNameSizeMax - 2, 'x') + "\":1}");
  REQUIRE(row.field("\"a\""));
  add(row, "{\"" + std::string(kRollupNameSizeMax - 1, 'x') + "\":1}");
  REQUIRE_FALSE(row.field("\"a\""));
  REQUIRE(row.field("\"" + std::string(kRollupNameSizeMax - 2, 'x') + "\"")->count == 1);
}

TEST_CASE("bytes that are no row of rollups are refused") {
  RollupRow row;
  add(row, R"({"a":1.5,"b":2})");
  const auto& fields = row.fields();
  for (std::size_t size = 0; size < fields.size(); ++size) {
    const bool whole_entries = size == 1 || size == 1 + 4 + 32;
    REQUIRE(RollupRow::parse(1, fields.substr(0, size)).has_value() == whole_entries);
  }
  REQUIRE_FALSE(RollupRow::parse(1, std::string("\0\xff", 2)));
}

}  // namespace tributary::collector
