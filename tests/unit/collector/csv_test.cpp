#include "collector/api/csv.h"

#include <catch2/catch.hpp>

#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;

// The whole of these rows, with these columns first.
std::string csv(std::vector<std::string> columns, const std::vector<std::string>& rows,
                bool more = false) {
  CsvWriter writer(std::move(columns));
  auto text = writer.header(rows, more);
  for (const auto& row : rows) writer.append_row(row, text);
  return text;
}

}  // namespace

TEST_CASE("objects become lines, and nested members columns with dots in their names") {
  REQUIRE(csv({"id"}, {R"({"id":"a","at":{"x":1,"y":{"z":2.5}},"on":true})"}) ==
          "id,at.x,at.y.z,on\r\na,1,2.5,true\r\n");
}

TEST_CASE("a column stands though no row has it, and a missing member is an empty cell") {
  REQUIRE(csv({"id", "t"}, {R"({"id":1})", R"({"n":null})", R"({"t":0})"}) ==
          "id,t,n\r\n1,,\r\n,,\r\n,0,\r\n");
  REQUIRE(csv({"id", "t"}, {}) == "id,t\r\n");
}

TEST_CASE("texts are quoted where CSV would take them apart, and where they would not come back") {
  REQUIRE(csv({"t"}, {R"({"t":"a,b"})"}) == "t\r\n\"a,b\"\r\n");
  REQUIRE(csv({"t"}, {R"({"t":"say \"x\""})"}) == "t\r\n\"say \"\"x\"\"\"\r\n");
  REQUIRE(csv({"t"}, {R"({"t":"a\nb"})", R"({"t":"a\rb"})"}) == "t\r\n\"a\nb\"\r\n\"a\rb\"\r\n");
  REQUIRE(csv({"t"}, {R"({"t":" x "})"}) == "t\r\n\" x \"\r\n");
  REQUIRE(csv({"t"}, {R"({"t":""})"}) == "t\r\n\"\"\r\n");
  REQUIRE(csv({"t"}, {R"({"t":"é😀"})"}) == "t\r\né😀\r\n");
  REQUIRE(csv({}, {R"({"a,b":1})"}) == "\"a,b\"\r\n1\r\n");
}

TEST_CASE("arrays and empty objects are JSON in a cell") {
  REQUIRE(csv({"l"}, {R"({"l":[1,"a"]})"}) == "l\r\n\"[1,\"\"a\"\"]\"\r\n");
  REQUIRE(csv({"o"}, {R"({"o":{}})"}) == "o\r\n\"{}\"\r\n");
}

TEST_CASE("what comes later without a column of its own is kept in the last one") {
  CsvWriter writer({"id"});
  const std::vector<std::string> first{R"({"id":1})"};
  auto text = writer.header(first, true);
  writer.append_row(first.front(), text);
  writer.append_row(R"({"id":2,"late":{"x":"y"},"n":null})", text);
  REQUIRE(text ==
          "id,_tributary_more\r\n1,\r\n2,\"{\"\"late.x\"\":\"\"y\"\",\"\"n\"\":null}\"\r\n");
}

TEST_CASE("of two members with one column both are kept") {
  REQUIRE(csv({}, {R"({"a":{"b":1},"a.b":2})"}) ==
          "a.b,_tributary_more\r\n1,\"{\"\"a.b\"\":2}\"\r\n");
}

TEST_CASE("the columns of a schema are its series, its time, its key and the rest by name") {
  REQUIRE(csv_columns(built_in("telemetry")) ==
          std::vector<std::string>{"sensor_id", "timestamp", "humidity", "location.latitude",
                                   "location.longitude", "temperature"});
  REQUIRE(csv_columns(built_in("clickstream")) ==
          std::vector<std::string>{"user_id", "event_time", "event_id", "event_type", "page"});
  REQUIRE(csv_columns(built_in("measurement")) ==
          std::vector<std::string>{"sensor_id", "timestamp"});
}

}  // namespace tributary::collector
