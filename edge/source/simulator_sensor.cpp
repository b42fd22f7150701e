#include "edge/source/simulator_sensor.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <string_view>

#include "edge/source/json_text.h"

namespace tributary::edge {
namespace {

constexpr double kDaySeconds = 86'400.0;

// S. Vigna, SplitMix64: 64 well-mixed bits for each number.
std::uint64_t mix(std::uint64_t number) {
  number += 0x9E3779B97F4A7C15U;
  number = (number ^ (number >> 30U)) * 0xBF58476D1CE4E5B9U;
  number = (number ^ (number >> 27U)) * 0x94D049BB133111EBU;
  return number ^ (number >> 31U);
}

// FNV-1a.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xCBF29CE484222325U;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return value;
}

// −1 … 1.
double signed_fraction(std::uint64_t bits) {
  return static_cast<double>(bits >> 11U) * 0x1.0p-52 - 1.0;
}

double wave(double seconds, double period_days, double phase) {
  return std::sin(2 * std::numbers::pi * (seconds / (kDaySeconds * period_days) + phase));
}

void append_double(std::string& to, double value) {
  std::array<char, 32> digits{};
  to.append(digits.data(), std::to_chars(digits.begin(), digits.end(), value).ptr);
}

}  // namespace

SimulatorSensor::SimulatorSensor(SimulatorOptions options)
    : interval_(std::max<std::int64_t>(1, std::llround(1e9 / options.rate))),
      seed_(mix(options.seed) ^ hash(options.sensor_id)),
      sun_offset_seconds_(options.longitude / 360.0 * kDaySeconds),
      temperature_mean_(20.0 + 3.0 * signed_fraction(mix(seed_ + 1))),
      temperature_swing_(3.0 + 1.5 * signed_fraction(mix(seed_ + 2))),
      humidity_mean_(50.0 + 10.0 * signed_fraction(mix(seed_ + 3))),
      drift_phase_(signed_fraction(mix(seed_ + 4))) {
  head_ = R"({"sensor_id":)";
  append_json_string(head_, options.sensor_id);
  head_ += R"(,"timestamp":")";
  location_ = R"(,"location":{"latitude":)";
  append_double(location_, options.latitude);
  location_ += R"(,"longitude":)";
  append_double(location_, options.longitude);
  location_ += "}}";
}

Result<Reading> SimulatorSensor::sample(Timestamp now) {
  const auto time = event_time_.next(now);
  const double seconds = static_cast<double>(time.seconds) + 1e-9 * time.nanoseconds;
  const auto noise = mix(seed_ ^ mix(static_cast<std::uint64_t>(time.seconds) * 1'000'000'000U +
                                     static_cast<std::uint64_t>(time.nanoseconds)));

  // Coldest at 3 and warmest at 15 o'clock of the sun; the drift goes round in 5.3 and 1.7 days.
  const double day = wave(seconds + sun_offset_seconds_, 1.0, -9.0 / 24.0);
  const double drift =
      wave(seconds, 5.3, drift_phase_) + 0.5 * wave(seconds, 1.7, 2 * drift_phase_);
  const double temperature = temperature_mean_ + temperature_swing_ * day + 0.8 * drift +
                             0.05 * signed_fraction(mix(noise));
  const double humidity = std::clamp(
      humidity_mean_ - 8.0 * day - 4.0 * drift + 0.2 * signed_fraction(mix(noise + 1)), 0.0, 100.0);

  Reading reading;
  reading.json.reserve(head_.size() + location_.size() + 80);
  reading.json = head_;
  time.append_text(reading.json);
  reading.json += R"(","temperature":)";
  append_hundredths(reading.json, std::lround(100 * temperature));
  reading.json += R"(,"humidity":)";
  append_hundredths(reading.json, std::lround(100 * humidity));
  reading.json += location_;
  return reading;
}

}  // namespace tributary::edge
