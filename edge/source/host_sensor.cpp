#include "edge/source/host_sensor.h"

#include <algorithm>

#include "edge/source/host_disks.h"
#include "edge/source/host_temperature.h"
#include "edge/source/json_text.h"

namespace tributary::edge {
namespace {

constexpr std::size_t kReasonsTold = 3;

Error nothing_found(const HostReading& reading) {
  std::string why = "the host sensor finds nothing on this machine";
  const auto& gaps = reading.gaps();
  for (std::size_t i = 0; i < std::min(kReasonsTold, gaps.size()); ++i) {
    why += (i == 0 ? ": " : "; ") + gaps[i].why;
  }
  return {errc::unavailable, std::move(why)};
}

}  // namespace

HostSensor::HostSensor(HostOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), files_(options_.root) {}

HostReading HostSensor::read() {
  HostReading reading;
  read_uptime(files_, reading);
  if (options_.cpu) processor_.read(files_, reading);
  if (options_.temperature) read_temperatures(files_, reading);
  if (options_.load) read_load(files_, reading);
  if (options_.memory) read_memory(files_, reading);
  if (options_.disk) read_disks(files_, options_.mounts, reading);
  if (options_.network) network_.read(files_, options_.interfaces, clock_.monotonic(), reading);
  return reading;
}

Result<Reading> HostSensor::sample(Timestamp now) {
  const auto reading = read();
  if (reading.values().empty()) return std::unexpected(nothing_found(reading));
  Reading event;
  auto& json = event.json;
  json = R"({"sensor_id":)";
  append_json_string(json, options_.sensor_id);
  json += R"(,"timestamp":")";
  event_time_.next(now).append_text(json);
  json += R"(","values":{)";
  for (const auto& value : reading.values()) {
    if (json.back() != '{') json += ',';
    append_json_string(json, value.name);
    json += ':';
    json += number_text(value.number);
  }
  json += '}';
  if (!options_.tags.empty()) json += joined({R"(,"tags":)", options_.tags});
  json += '}';
  return event;
}

}  // namespace tributary::edge
