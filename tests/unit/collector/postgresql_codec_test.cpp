// How an event becomes a row of binary COPY. That rows come back as events is in the contract of
// stores, on a real PostgreSQL.

#include "collector/store/postgresql_codec.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "shared/event/json.h"
#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using Fields = std::vector<std::optional<std::string>>;

struct Encoder {
  Schema schema;
  PostgresqlLayout layout = PostgresqlLayout::of(schema, "events").value();
  PostgresqlCodec codec{schema, layout};

  // The fields of the row, by the documentation of COPY.
  Fields fields(const Event& event) {
    std::string row;
    if (const auto problem = codec.encode(event, 7, row)) FAIL(*problem);
    std::size_t at = 0;
    const auto integer = [&](std::size_t size) {
      std::uint32_t value = 0;
      for (std::size_t i = 0; i < size; ++i) value = value << 8U | std::uint8_t(row.at(at++));
      return value;
    };
    Fields found(integer(2));
    for (auto& field : found) {
      const auto size = integer(4);
      if (size == 0xffff'ffff) continue;
      field = row.substr(at, size);
      at += size;
    }
    REQUIRE(at == row.size());
    return found;
  }
  std::string problem(const Event& event) {
    std::string row = "before";
    const auto found = codec.encode(event, 7, row);
    REQUIRE(row == "before");
    return found.value_or("");
  }
};

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const auto value : values) text += static_cast<char>(value);
  return text;
}

}  // namespace

TEST_CASE("a click is a row of binary COPY, its columns in the order of their names") {
  Encoder encoder{.schema = built_in("clickstream")};
  auto event = decode(encoder.schema, R"({"event_id":"c2eebc99-9c0b-4ef8-bb6d-6bb9bd380a33",
      "user_id":101,"event_type":"checkout","page":"/","event_time":"2000-01-01T00:00:01.000002003Z"})");
  event.origin.source = "http";
  event.origin.edge = "a\"b";
  event.origin.received_at = time_of("2026-01-13T10:20:00Z");
  const auto fields = encoder.fields(event);
  REQUIRE(fields.size() == 1 + encoder.layout.columns().size() + 4);
  REQUIRE(fields[0] == bytes({0, 0, 0, 7}));
  REQUIRE(fields[1] == bytes({0xc2, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b,
                              0xb9, 0xbd, 0x38, 0x0a, 0x33}));
  REQUIRE(fields[2] == bytes({0, 0, 0, 0, 0, 0x0f, 0x42, 0x42}));  // 1,000,002 µs since 2000
  REQUIRE(fields[3] == "checkout");
  REQUIRE(fields[4] == "/");
  REQUIRE(fields[5] == bytes({0, 0, 0, 0, 0, 0, 0, 101}));
  REQUIRE(fields[6] == bytes({0, 0, 0, 3}));
  REQUIRE_FALSE(fields[7].has_value());
  REQUIRE(fields[8] == std::string(reinterpret_cast<const char*>(event.hash.data()), 16));
  REQUIRE(fields[9] ==
          "\x01{\"received_at\":\"2026-01-13T10:20:00Z\",\"source\":\"http\",\"edge\":\"a\\\"b\"}");
}

TEST_CASE("what a column can't give back as it was stands among the extra members too") {
  Encoder encoder{.schema = custom_schema(
                      R"({"k":{"type":"integer"},"x":{"type":["number","null"]},
                          "t":{"type":"string","format":"date-time"},"o":{"type":["object","null"]}})",
                      R"({"key":["k"]})")};
  const auto extra = [&encoder](const std::string& x, const std::string& t, const std::string& o) {
    const auto event = decode(encoder.schema, R"({"at":"2026-01-21T10:00:00Z","k":1,"x":)" + x +
                                                  ",\"t\":\"" + t + "\",\"o\":" + o + "}");
    const auto fields = encoder.fields(event);
    return fields.at(fields.size() - 3).value_or("");
  };
  const std::string time = "2026-01-21T10:00:00.000001Z";
  REQUIRE(extra("1.5", time, "{}").empty());
  REQUIRE(extra("9007199254740992", time, R"({"a":[1]})").empty());
  REQUIRE(extra("9007199254740993", time, "{}") == "\x01{\"x\":9007199254740993}");
  REQUIRE(extra("9223372036854775807", time, "{}") == "\x01{\"x\":9223372036854775807}");
  REQUIRE(extra("null", time, "null") == "\x01{\"o\":null,\"x\":null}");
  REQUIRE(extra("1", "2026-01-21T10:00:00.000000001Z", "{}") ==
          "\x01{\"t\":\"2026-01-21T10:00:00.000000001Z\"}");
  REQUIRE(extra("1", "2016-12-31T23:59:60Z", "{}") == "\x01{\"t\":\"2016-12-31T23:59:60Z\"}");
}

TEST_CASE("a NUL is found before the server is asked, and told with the server's SQLSTATE") {
  Encoder encoder{.schema = built_in("telemetry")};
  const auto problem = [&encoder](std::string_view sensor, std::string_view more) {
    return encoder.problem(reading(sensor, "2026-01-21T10:00:00Z", more));
  };
  REQUIRE_THAT(problem(std::string_view("a\0b", 3), ""),
               Catch::StartsWith("/sensor_id has a NUL") && Catch::Contains("22021"));
  REQUIRE_THAT(problem("a", R"(,"x":["\\\u0000"])"),
               Catch::StartsWith("/x has a NUL") && Catch::Contains("22P05"));
  REQUIRE_THAT(problem("a", R"(,"x\u0000":1)"), Catch::StartsWith("/x… has a NUL"));
  REQUIRE(encoder.codec.encode(reading("a", "2026-01-21T10:00:00Z", R"(,"x":"\\u0000")"), 0,
                               *std::make_unique<std::string>()) == std::nullopt);
}

TEST_CASE("a time in two columns is in the order of time, leap seconds too") {
  const std::vector<std::string> ordered{
      "0001-01-01T00:00:00Z",        "1969-12-31T23:59:59.999999999Z",
      "1970-01-01T00:00:00Z",        "1970-01-01T00:00:00.000000999Z",
      "1970-01-01T00:00:00.000001Z", "2016-12-31T23:59:59.999999999Z",
      "2016-12-31T23:59:60Z",        "2016-12-31T23:59:60.999999999Z",
      "2017-01-01T00:00:00Z",        "9999-12-31T23:59:59.999999999Z"};
  std::optional<PostgresqlTime> before;
  for (const auto& text : ordered) {
    CAPTURE(text);
    const auto time = PostgresqlTime::of(time_of(text));
    REQUIRE(time.timestamp() == time_of(text));
    REQUIRE((!before || *before < time));
    before = time;
  }
  for (const PostgresqlTime none : {PostgresqlTime{.microseconds = 0, .nanoseconds = 1'000},
                                    PostgresqlTime{.microseconds = 0, .nanoseconds = -1},
                                    PostgresqlTime{.microseconds = 1LL << 60U},
                                    PostgresqlTime{.microseconds = -(1LL << 60U)}}) {
    REQUIRE_FALSE(none.timestamp().has_value());
  }
  REQUIRE(PostgresqlTime{.microseconds = 1LL << 60U}.text() == "infinity");
  REQUIRE(PostgresqlTime{.microseconds = -(1LL << 60U)}.text() == "-infinity");
}

TEST_CASE("the numbers of jsonb, which keep their digits, become canonical again") {
  const auto canonical = [](std::string_view jsonb) {
    std::string text;
    append_canonical(json_of(jsonb), text);
    return text;
  };
  REQUIRE(canonical("1.10") == "1.1");
  REQUIRE(canonical("25.0") == "25");
  REQUIRE(canonical("9223372036854775807") == "9223372036854775807");
  REQUIRE(canonical("-9223372036854775808") == "-9223372036854775808");
  REQUIRE(canonical("9223372036854775808") == "9.223372036854776e+18");
  REQUIRE(canonical("1" + std::string(300, '0')) == "1e+300");
  REQUIRE(canonical("0.0000001") == "1e-7");
  REQUIRE(canonical(R"({"b":[1.0,{"a":2.50}]})") == R"({"b":[1,{"a":2.5}]})");
}

}  // namespace tributary::collector
