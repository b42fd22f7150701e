// What the tables look like; how they are made and looked at is in tests/integration.

#include "collector/store/postgresql_layout.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using Names = std::vector<std::string>;

PostgresqlLayout layout_of(const Schema& schema, const std::string& table = "events") {
  auto layout = PostgresqlLayout::of(schema, table);
  if (!layout) FAIL(layout.error().message());
  return std::move(*layout);
}

// Without the lines in front that explain it.
std::string schema_file(const std::string& name) {
  std::ifstream file(TRIBUTARY_SOURCE_DIR "/collector/store/schema/" + name + ".sql");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (text.starts_with("--")) text.erase(0, text.find('\n') + 1);
  return text;
}

}  // namespace

TEST_CASE("the SQL files for PostgreSQL make what the store makes") {
  REQUIRE(schema_file("telemetry") == layout_of(built_in("telemetry")).sql());
  REQUIRE(schema_file("clickstream") == layout_of(built_in("clickstream")).sql());
  REQUIRE(schema_file("measurement") == layout_of(built_in("measurement"), "measurement").sql());
}

TEST_CASE("indexes of PostgreSQL with the same columns are one") {
  const auto telemetry = layout_of(built_in("telemetry"));
  REQUIRE(telemetry.indexes().size() == 2);  // that of the key is that of the series
  REQUIRE(telemetry.indexes()[0].unique);
  REQUIRE(telemetry.indexes()[0].fields == Names{"sensor_id", "timestamp", "timestamp_ns"});
  REQUIRE(telemetry.indexes()[1].fields == Names{"timestamp", "timestamp_ns", "sensor_id"});
  const auto clicks = layout_of(built_in("clickstream"));
  REQUIRE(clicks.indexes().size() == 3);
  REQUIRE(clicks.indexes()[2].fields ==
          Names{"user_id", "event_time", "event_time_ns", "event_id"});
}

TEST_CASE("in the key a number and another time are what tells two of them apart") {
  const auto layout =
      layout_of(custom_schema(R"({"x":{"type":"number"},"t":{"type":"string","format":"date-time"},
                        "y":{"type":"number"},"u":{"type":"string","format":"date-time"}})",
                              R"({"key":["x","t"]})"));
  using Kind = PostgresqlColumn::Kind;
  REQUIRE(layout.column("x")->kind == Kind::exact_number);
  REQUIRE(layout.column("t")->kind == Kind::exact_time);
  REQUIRE(layout.column("y")->kind == Kind::number);
  REQUIRE(layout.column("u")->kind == Kind::time);
  REQUIRE(layout.column("at")->kind == Kind::time);
}

TEST_CASE("a name that no column can have is a member like undeclared ones, unless it is a key's") {
  const std::string long_name(64, 'x');
  for (const auto& name : {std::string("ctid"), std::string("xmin"), long_name}) {
    CAPTURE(name);
    const auto properties = "{\"k\":{\"type\":\"string\"},\"" + name + "\":{\"type\":\"string\"}}";
    const auto schema = custom_schema(properties, R"({"key":["k"]})");
    REQUIRE(layout_of(schema).column(name) == nullptr);
    REQUIRE(layout_of(schema).column("k") != nullptr);
    const auto refused = PostgresqlLayout::of(
        custom_schema(properties, "{\"key\":[\"k\",\"" + name + "\"]}"), "events");
    REQUIRE_FALSE(refused.has_value());
    REQUIRE(refused.error() == errc::invalid_argument);
  }
}

TEST_CASE("names and texts are quoted for SQL, whatever stands in them") {
  REQUIRE(quoted_name(R"(a"b)") == R"("a""b")");
  REQUIRE(quoted_text(R"(it's a \ backslash)") == R"(E'it''s a \\ backslash')");
}

}  // namespace tributary::collector
