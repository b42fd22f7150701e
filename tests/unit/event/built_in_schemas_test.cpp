#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "shared/event/codec.h"

using nlohmann::json;
using tributary::Codec;
using tributary::Schema;

namespace {

json event_of(std::string_view schema) {
  if (schema == "telemetry") {
    return json::parse(
        R"({"sensor_id": "sensor_12", "timestamp": "2026-01-21T10:00:00.123Z", "temperature": 25.43,
                           "humidity": 60.21, "location": {"latitude": 12.97, "longitude": 77.59}})");
  }
  if (schema == "clickstream") {
    return json::parse(
        R"({"event_id": "123e4567-e89b-12d3-a456-426614174000", "user_id": 42, "event_type": "click",
                           "page": "/cart", "event_time": "2026-01-21T10:00:00Z"})");
  }
  return json::parse(R"({"sensor_id": "gateway-7", "timestamp": "2026-01-21T10:00:00Z",
                         "values": {"cpu": 0.25, "memory": 512}, "tags": {"host": "a"}})");
}

std::string verdict(std::string_view schema, const json& event) {
  Codec codec(*Schema::built_in(schema));
  const auto decoded = codec.decode(event.dump());
  REQUIRE(decoded.has_value() == codec.validate(event.dump()).has_value());
  return decoded ? "taken" : to_text(decoded.error());
}

// The event with the member at `pointer` set to what `value` says in JSON.
std::string verdict_with(std::string_view schema, const char* pointer, std::string_view value) {
  auto event = event_of(schema);
  event[json::json_pointer(pointer)] = json::parse(value);
  return verdict(schema, event);
}

}  // namespace

TEST_CASE("the built-in schemas are telemetry, clickstream and measurement") {
  std::vector<std::string_view> names(Schema::built_in_names().begin(),
                                      Schema::built_in_names().end());
  REQUIRE(names == std::vector<std::string_view>{"telemetry", "clickstream", "measurement"});
  for (const auto name : names) {
    const auto schema = Schema::built_in(name);
    REQUIRE(schema.has_value());
    REQUIRE(schema->name() == name);
    REQUIRE(Schema::parse(name, schema->text())->id() == schema->id());
    REQUIRE(verdict(name, event_of(name)) == "taken");
  }
}

TEST_CASE("the built-in schemas have the keys, times, partitions and series of the design") {
  const auto telemetry = *Schema::built_in("telemetry");
  REQUIRE(telemetry.key() == std::vector<std::string>{"sensor_id", "timestamp"});
  REQUIRE(telemetry.time() == "timestamp");
  REQUIRE(telemetry.partition_by() == "sensor_id");
  REQUIRE(telemetry.series() == "sensor_id");
  const auto clickstream = *Schema::built_in("clickstream");
  REQUIRE(clickstream.key() == std::vector<std::string>{"event_id"});
  REQUIRE(clickstream.time() == "event_time");
  REQUIRE(clickstream.partition_by() == "user_id");
  REQUIRE(clickstream.series() == "user_id");
  const auto measurement = *Schema::built_in("measurement");
  REQUIRE(measurement.key() == telemetry.key());
  REQUIRE(measurement.time() == "timestamp");
  REQUIRE(measurement.partition_by() == "sensor_id");
  REQUIRE(measurement.series() == "sensor_id");
}

TEST_CASE("each required member of a built-in schema is required") {
  const auto name = GENERATE(as<std::string>{}, "telemetry", "clickstream", "measurement");
  const auto whole = event_of(name);
  for (const auto& [member, value] : whole.items()) {
    auto event = whole;
    event.erase(member);
    CAPTURE(name, member);
    REQUIRE(verdict(name, event) == (member == "tags" ? "taken" : "/" + member + " is missing"));
  }
  auto event = event_of("telemetry");
  event["location"].erase("longitude");
  REQUIRE(verdict("telemetry", event) == "/location/longitude is missing");
}

TEST_CASE("each member of a built-in schema has its type") {
  const auto name = GENERATE(as<std::string>{}, "telemetry", "clickstream", "measurement");
  const auto schema = json::parse(Schema::built_in(name)->text());
  const auto whole = event_of(name);
  for (const auto& [member, value] : whole.items()) {
    for (const auto& other :
         {json(nullptr), json(true), json("x y"), json(1.5), json::array(), json::object()}) {
      CAPTURE(name, member, other.dump());
      const std::string type = schema["properties"][member]["type"];
      if (other.type_name() == type) continue;
      if (type == "number" && other.is_number()) continue;
      auto event = whole;
      event[member] = other;
      const auto words = verdict(name, event);
      REQUIRE(words.starts_with("/" + member + " is "));
      REQUIRE(words.find(": must be a") != std::string::npos);
    }
  }
}

TEST_CASE("the members of a telemetry event keep their limits") {
  const auto is = [](const char* pointer, std::string_view value) {
    return verdict_with("telemetry", pointer, value);
  };
  REQUIRE(is("/sensor_id", "\"\"") == "/sensor_id has 0 characters: at least 1");
  REQUIRE(is("/sensor_id", json(std::string(128, 'x')).dump()) == "taken");
  REQUIRE(is("/sensor_id", json(std::string(129, 'x')).dump()) ==
          "/sensor_id has 129 characters: at most 128");
  REQUIRE(is("/timestamp", "\"yesterday\"").starts_with("/timestamp is not a time"));
  REQUIRE(is("/timestamp", "\"2026-01-21T10:00:00\"").starts_with("/timestamp is not a time"));
  REQUIRE(is("/temperature", "-300") == "taken");
  REQUIRE(is("/temperature", "\"25\"") == "/temperature is a string: must be a number");
  REQUIRE(is("/humidity", "0") == "taken");
  REQUIRE(is("/humidity", "100") == "taken");
  REQUIRE(is("/humidity", "130") == "/humidity is 130: at most 100");
  REQUIRE(is("/humidity", "-0.1") == "/humidity is -0.1: at least 0");
  REQUIRE(is("/location/latitude", "-90") == "taken");
  REQUIRE(is("/location/latitude", "90.5") == "/location/latitude is 90.5: at most 90");
  REQUIRE(is("/location/latitude", "-91") == "/location/latitude is -91: at least -90");
  REQUIRE(is("/location/longitude", "180") == "taken");
  REQUIRE(is("/location/longitude", "181") == "/location/longitude is 181: at most 180");
  REQUIRE(is("/location/longitude", "-181") == "/location/longitude is -181: at least -180");
  REQUIRE(is("/location/longitude", "null") == "/location/longitude is null: must be a number");
}

TEST_CASE("the members of a click keep their forms") {
  const auto is = [](const char* pointer, std::string_view value) {
    return verdict_with("clickstream", pointer, value);
  };
  REQUIRE(is("/event_id", "\"42\"").starts_with("/event_id is not a UUID"));
  REQUIRE(is("/user_id", "42.0") == "taken");
  REQUIRE(is("/user_id", "42.5") == "/user_id is 42.5: must be an integer");
  REQUIRE(is("/user_id", "-9223372036854775808") == "taken");
  REQUIRE(is("/user_id", "9223372036854775808").starts_with("/user_id is 9223372036854775808"));
  REQUIRE(is("/event_time", "\"10:00\"").starts_with("/event_time is not a time"));
  REQUIRE(is("/page", "\"\"") == "taken");
}

TEST_CASE("a measurement has one value or more, all numbers, and its tags are strings") {
  const auto is = [](const char* pointer, std::string_view value) {
    return verdict_with("measurement", pointer, value);
  };
  REQUIRE(is("/values", "{}") == "/values has 0 members: at least 1");
  REQUIRE(is("/values/cpu", "\"1\"") == "/values/cpu is a string: must be a number");
  REQUIRE(is("/values/a~1b", "null") == "/values/a~1b is null: must be a number");
  REQUIRE(is("/tags", "{}") == "taken");
  REQUIRE(is("/tags/host", "1") == "/tags/host is a number: must be a string");
  REQUIRE(is("/sensor_id", json(std::string(129, 'x')).dump()) ==
          "/sensor_id has 129 characters: at most 128");
}

TEST_CASE("members that a built-in schema doesn't declare are kept") {
  for (const auto name : Schema::built_in_names()) {
    auto event = event_of(name);
    event["firmware"] = {{"version", "1.2"}, {"flags", {1, nullptr}}};
    Codec codec(*Schema::built_in(name));
    const auto decoded = codec.decode(event.dump());
    REQUIRE(decoded.has_value());
    REQUIRE(decoded->document->at("firmware") == event["firmware"]);
  }
}
