#include "edge/source/simulator_sensor.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

using namespace tributary;
using namespace tributary::edge;
using namespace std::chrono_literals;

namespace {

Timestamp at(const char* text) { return *Timestamp::parse(text); }

std::string sample(SimulatorSensor& sensor, Timestamp time) { return sensor.sample(time)->json; }

nlohmann::json event(SimulatorSensor& sensor, Timestamp time) {
  return nlohmann::json::parse(sample(sensor, time));
}

}  // namespace

TEST_CASE("a simulated reading is a telemetry event with the time to the millisecond") {
  SimulatorSensor sensor({.sensor_id = "gw-sim-1", .rate = 10});
  const auto reading = event(sensor, at("2026-01-21T10:00:00.123456789Z"));
  REQUIRE(reading["sensor_id"] == "gw-sim-1");
  REQUIRE(reading["timestamp"] == "2026-01-21T10:00:00.123Z");
  REQUIRE(reading["temperature"].is_number());
  REQUIRE(reading["location"] == nlohmann::json{{"latitude", 50.45}, {"longitude", 3.95}});
  REQUIRE(sensor.interval() == 100ms);
}

TEST_CASE("the values depend on the seed, the sensor and the time, and on nothing else") {
  const auto time = at("2026-01-21T10:00:00Z");
  SimulatorSensor one({.sensor_id = "a", .seed = 7});
  SimulatorSensor same({.sensor_id = "a", .seed = 7});
  SimulatorSensor other_seed({.sensor_id = "a", .seed = 8});
  SimulatorSensor other_sensor({.sensor_id = "b", .seed = 7});
  sample(same, at("2026-01-21T09:59:59Z"));
  const auto text = sample(one, time);
  REQUIRE(sample(same, time) == text);
  REQUIRE(sample(other_seed, time) != text);
  REQUIRE(event(other_sensor, time)["temperature"] != nlohmann::json::parse(text)["temperature"]);
}

TEST_CASE(
    "the values have two decimals at most, and the humidity is 0 to 100 on every hour of a year") {
  SimulatorSensor sensor({.sensor_id = "a"});
  auto time = at("2026-01-01T00:00:00Z");
  for (int hour = 0; hour < 365 * 24; ++hour, time.seconds += 3600) {
    const auto text = sample(sensor, time);
    const auto reading = nlohmann::json::parse(text);
    for (const auto* const name : {"temperature", "humidity"}) {
      const auto hundredths = 100 * reading[name].get<double>();
      REQUIRE(std::abs(hundredths - std::round(hundredths)) < 1e-6);
    }
    REQUIRE(reading["humidity"] >= 0);
    REQUIRE(reading["humidity"] <= 100);
    REQUIRE(reading["temperature"] > 5);
    REQUIRE(reading["temperature"] < 35);
  }
}

TEST_CASE("the afternoon is warmer and drier than the night") {
  SimulatorSensor sensor({.sensor_id = "a"});
  const auto night = event(sensor, at("2026-06-01T03:00:00Z"));
  const auto afternoon = event(sensor, at("2026-06-01T15:00:00Z"));
  REQUIRE(afternoon["temperature"] > night["temperature"].get<double>() + 1);
  REQUIRE(afternoon["humidity"] < night["humidity"].get<double>() - 4);
}

TEST_CASE("two readings never have the same time") {
  SimulatorSensor sensor({.sensor_id = "a"});
  std::set<std::string> times;
  const auto time = at("2026-01-21T10:00:00.123456789Z");
  for (int i = 0; i < 5; ++i) times.insert(event(sensor, time)["timestamp"]);
  times.insert(event(sensor, {time.seconds, time.nanoseconds + 400})["timestamp"]);
  REQUIRE(times.size() == 6);
}
