#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "edge/source/event_time.h"
#include "edge/source/sensor.h"

namespace tributary::edge {

struct SimulatorOptions {
  std::string sensor_id;
  double rate = 1.0;  // samples a second
  std::uint64_t seed = 0;
  double latitude = 50.45;
  double longitude = 3.95;
};

// A made-up room with a thermometer and a hygrometer: `telemetry` events whose values follow the
// time of day (warm and dry in the afternoon, by the sun at its longitude), drift over days and are
// a little noisy. The values depend on the seed, the sensor's id and the time, and on nothing else.
class SimulatorSensor final : public Sensor {
 public:
  explicit SimulatorSensor(SimulatorOptions options);

  Result<Reading> sample(Timestamp now) override;
  std::optional<std::chrono::nanoseconds> interval() const override { return interval_; }

 private:
  std::string head_;      // {"sensor_id":"…","timestamp":"
  std::string location_;  // ,"location":{…}}
  std::chrono::nanoseconds interval_;
  std::uint64_t seed_;
  double sun_offset_seconds_;
  double temperature_mean_;
  double temperature_swing_;
  double humidity_mean_;
  double drift_phase_;
  EventTime event_time_;
};

}  // namespace tributary::edge
