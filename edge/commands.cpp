#include "edge/commands.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <thread>
#include <utility>

#include "edge/sensor_list.h"
#include "shared/base/clock.h"

namespace tributary::edge {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

int failed(const Error& error, int status = kExitFailed) {
  std::fprintf(stderr, "tributary-edge: %s\n", error.message().c_str());
  return status;
}

Result<std::vector<std::unique_ptr<Sensor>>> make_sensors(const Config& config,
                                                          const Clock& clock) {
  std::vector<std::unique_ptr<Sensor>> sensors;
  std::string mistakes;
  for (const auto& each : config.sensors) {
    auto sensor = make_sensor(posix_file_system(), clock, each);
    if (sensor) {
      sensors.push_back(*std::move(sensor));
    } else {
      mistakes += (mistakes.empty() ? "" : "\n") + sensor.error().message();
    }
  }
  if (!mistakes.empty()) return fail(errc::invalid_argument, mistakes);
  return sensors;
}

// One reading of each sensor that has one; from now to the next round.
std::optional<nanoseconds> sample_round(std::vector<std::unique_ptr<Sensor>>& sensors,
                                        const Clock& clock, int& status) {
  std::optional<nanoseconds> wait;
  for (const auto& sensor : sensors) {
    if (!sensor->interval()) continue;
    const auto reading = sensor->sample(clock.now());
    if (reading) {
      std::puts(reading->json.c_str());
    } else {
      status = failed(reading.error());
    }
    if (const auto interval = sensor->interval()) wait = std::max(wait.value_or(0ns), *interval);
  }
  std::fflush(stdout);
  return wait;
}

}  // namespace

int check_config(const Config& config) {
  const SystemClock clock;
  if (const auto sensors = make_sensors(config, clock); !sensors)
    return failed(sensors.error(), kExitUsage);
  std::printf("the configuration is good: edge %s, %zu sensors, buffer in %s, publishes to %s\n",
              config.id.c_str(), config.sensors.size(), config.buffer.path.c_str(),
              config.publisher.mqtt.url.c_str());
  return kExitOk;
}

int sample(const Config& config, const CommandLine& command_line) {
  const auto& arguments = command_line.arguments;
  if (command_line.has("--list")) {
    if (arguments.empty()) return list_sensors(config);
    return failed(Error(errc::invalid_argument, "sample --list takes no number of readings"),
                  kExitUsage);
  }
  std::uint64_t count = 1;
  if (!arguments.empty()) {
    const auto& text = arguments.front();
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc{} || rest != end || count == 0 || arguments.size() > 1) {
      return failed(
          Error(errc::invalid_argument, "sample takes how many readings you want: sample 10"),
          kExitUsage);
    }
  }
  const SystemClock clock;
  auto sensors = make_sensors(config, clock);
  if (!sensors) return failed(sensors.error(), kExitUsage);
  if (sensors->empty()) {
    return failed(Error(errc::invalid_argument,
                        "no [[sensor]] is configured; sample --list shows what one of type "
                        "\"host\" finds on this machine"),
                  kExitUsage);
  }
  int status = kExitOk;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto wait = sample_round(*sensors, clock, status);
    if (!wait) break;
    if (i + 1 < count) std::this_thread::sleep_for(std::min<nanoseconds>(*wait, 1s));
  }
  return status;
}

}  // namespace tributary::edge
