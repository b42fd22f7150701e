#include "edge/sensor_list.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "shared/base/clock.h"
#include "shared/base/thread.h"
#include "shared/config/command_line.h"

namespace tributary::edge {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenReadings = 1s;

// A mount may be called anything: nothing of it moves the terminal's cursor.
std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return text;
}

void print(const HostReading& reading) {
  int names = 0;
  int numbers = 0;
  for (const auto& value : reading.values()) {
    names = std::max(names, static_cast<int>(value.name.size()));
    numbers = std::max(numbers, static_cast<int>(number_text(value.number).size()));
  }
  std::printf("%-*s  %*s  %s\n", names, "NAME", numbers, "VALUE", "FROM");
  for (const auto& value : reading.values()) {
    std::printf("%-*s  %*s  %s\n", names, value.name.c_str(), numbers,
                number_text(value.number).c_str(), printable(value.source).c_str());
  }
  if (reading.gaps().empty()) return;
  std::puts("\nMISSING");
  for (const auto& gap : reading.gaps()) {
    std::printf("%-*s  %s\n", names, gap.what.c_str(), printable(gap.why).c_str());
  }
}

// False when nothing was found.
bool list(const HostOptions& options, const std::string& pipeline) {
  const SystemClock clock;
  HostSensor sensor(options, clock);
  static_cast<void>(sensor.read());
  sleep_for(kBetweenReadings);
  const auto reading = sensor.read();
  const auto every = std::chrono::duration<double>(options.interval).count();
  std::printf("Host sensor %s, pipeline %s, every %s s:\n\n", options.sensor_id.c_str(),
              pipeline.c_str(), number_text(every).c_str());
  print(reading);
  return !reading.values().empty();
}

}  // namespace

int list_sensors(const Config& config) {
  bool found = true;
  bool any_host = false;
  for (const auto& sensor : config.sensors) {
    const auto* host = std::get_if<HostOptions>(&sensor.options);
    if (host == nullptr) continue;
    any_host = true;
    found = list(*host, sensor.pipeline) && found;
    std::puts("");
  }
  if (!any_host) {
    found = list(default_host(config.id), kHostPipeline);
    std::puts("\nIt is not configured: [[sensor]] type = \"host\" is enough.");
  }
  if (!config.sensors.empty()) std::puts("Configured sensors:");
  for (const auto& sensor : config.sensors) {
    std::printf("  %s, pipeline %s\n", sensor.name.c_str(), sensor.pipeline.c_str());
  }
  return found ? kExitOk : kExitFailed;
}

}  // namespace tributary::edge
