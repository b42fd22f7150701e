#include "edge/sensor_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <span>
#include <utility>

#include "edge/source/event_template.h"
#include "edge/source/host_disks.h"
#include "edge/source/json_text.h"

namespace tributary::edge {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPipelineNameMax = 63;
constexpr std::int64_t kSimulatorsMax = 10'000;
constexpr double kRateMax = 100'000;
constexpr double kPaceMax = 1e9;
constexpr std::size_t kTagsMax = 32;
constexpr std::size_t kSensorIdMax = 128;  // in the schemas that are built in

constexpr std::array<std::string_view, 8> kCsvKeys{"type", "path",   "pipeline", "separator",
                                                   "time", "fields", "set",      "pace"};
constexpr std::array<std::string_view, 4> kTimeKeys{"column", "format", "zone", "field"};

// entries() marks every key as known, so unknown ones are ours to find.
void refuse_unknown(const Settings& table, std::span<const std::string_view> known) {
  for (const auto& [key, json] : table.entries()) {
    if (std::ranges::find(known, key) == known.end()) table.refuse(key, "is not a setting");
  }
}

std::string entry(const Settings& table, std::string_view key) {
  for (auto& [name, json] : table.entries()) {
    if (name == key) return std::move(json);
  }
  return {};
}

// What TOML makes of `values.light = "Light"` and `"values.light" = "Light"`: the same member.
using Path = std::vector<std::string>;
template <class Leaf>
void for_each_member(const Settings& table, const Path& above, const Leaf& leaf) {
  for (const auto& [key, json] : table.entries()) {
    auto path = above;
    for (auto& name : member_path(key)) path.push_back(std::move(name));
    if (json.starts_with('{')) {
      for_each_member(table.table(key), path, leaf);
    } else {
      leaf(table, key, path, json);
    }
  }
}

double read_pace(const Settings& sensor) {
  const auto json = entry(sensor, "pace");
  if (json.empty() || json == R"("max")") return 0;
  if (json == R"("real")") return 1;
  auto text = std::string_view(json);
  if (text.starts_with('"')) text = text.substr(1, text.size() - 2);
  double factor = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), factor);
  const bool number = error == std::errc{} && end == text.data() + text.size();
  if (!number || !(factor > 0) || factor > kPaceMax) {
    sensor.refuse("pace", R"(must be "max", "real", or how many times faster than recorded: 60.0)");
  }
  return factor;
}

void read_time(const Settings& sensor, CsvOptions& options) {
  const auto time = sensor.table("time");
  if (sensor.has("time")) {
    refuse_unknown(time, kTimeKeys);
    options.time_column = time.string("column");
    if (options.time_column.empty()) {
      time.refuse("column", "is missing: name the column that holds the rows' times");
    }
  }
  options.time_field = member_path(time.string("field", "timestamp"));
  auto made = TimeFormat::create(time.string("format", "rfc3339"), time.string("zone", "UTC"));
  if (!made) return time.refuse(time.has("format") ? "format" : "zone", made.error().message());
  options.time_format = *std::move(made);
}

std::filesystem::path find_recording(const std::string& path,
                                     const std::filesystem::path& directory) {
  std::error_code ignored;
  const std::filesystem::path here(path);
  if (here.is_absolute() || std::filesystem::exists(here, ignored)) return here;
  auto beside = directory / here;
  return std::filesystem::exists(beside, ignored) ? beside : here;
}

void read_csv(const Settings& sensor, const std::string& pipeline,
              const std::filesystem::path& directory, std::vector<SensorConfig>& to) {
  refuse_unknown(sensor, kCsvKeys);
  CsvOptions options;
  read_time(sensor, options);
  const auto path = sensor.string("path");
  if (path.empty()) sensor.refuse("path", "is missing: name the file of the recording");
  options.path = find_recording(path, directory);
  const auto separator = sensor.string("separator", ",");
  if (separator.size() != 1 || separator == "\"" || separator == "\n") {
    sensor.refuse("separator", "must be one character, such as , or ;");
  } else {
    options.separator = separator.front();
  }
  options.pace = read_pace(sensor);
  for_each_member(
      sensor.table("fields"), {},
      [&](const Settings& table, const std::string& key, const Path& member, const std::string&) {
        options.fields.emplace_back(member, table.string(key));
      });
  for_each_member(sensor.table("set"), {},
                  [&](const Settings&, const std::string&, const Path& member,
                      const std::string& json) { options.set.emplace_back(member, json); });
  to.push_back({.name = "csv " + path, .pipeline = pipeline, .options = std::move(options)});
}

void read_simulators(const Settings& sensor, const std::string& pipeline, const std::string& edge,
                     std::map<std::string, std::int64_t>& numbers, std::vector<SensorConfig>& to) {
  SimulatorOptions options;
  options.rate = sensor.number("rate", 1.0, 1e-6, kRateMax);
  options.seed = static_cast<std::uint64_t>(sensor.integer("seed", 0, 0, INT64_MAX));
  const auto location = sensor.table("location");
  options.latitude = location.number("latitude", options.latitude, -90, 90);
  options.longitude = location.number("longitude", options.longitude, -180, 180);
  const auto prefix = sensor.string("prefix", edge + "-sim-");
  const auto count = sensor.integer("count", 1, 1, kSimulatorsMax);
  if (prefix.size() > 100) sensor.refuse("prefix", "is longer than 100 characters");
  for (std::int64_t i = 0; i < count; ++i) {
    // Tables of one prefix go on counting: a sensor's id is its own.
    options.sensor_id = prefix + std::to_string(++numbers[prefix]);
    to.push_back({.name = options.sensor_id, .pipeline = pipeline, .options = options});
  }
}

void read_groups(const Settings& sensor, HostOptions& options) {
  if (!sensor.has("groups")) return;
  struct Group {
    std::string_view name;
    bool HostOptions::* of;
  };
  constexpr std::array<Group, 6> kGroups{{{"cpu", &HostOptions::cpu},
                                          {"temperature", &HostOptions::temperature},
                                          {"load", &HostOptions::load},
                                          {"memory", &HostOptions::memory},
                                          {"disk", &HostOptions::disk},
                                          {"network", &HostOptions::network}}};
  for (const auto& group : kGroups) options.*group.of = false;
  if (sensor.strings("groups").empty()) sensor.refuse("groups", "is empty: leave it out for all");
  for (const auto& name : sensor.strings("groups")) {
    const auto* const group = std::ranges::find(kGroups, name, &Group::name);
    if (group == kGroups.end()) {
      sensor.refuse("groups", '"' + name +
                                  "\" is no group: there are cpu, temperature, load, memory, disk "
                                  "and network");
    } else {
      options.*(group->of) = true;
    }
  }
}

// As a JSON object; empty when there are none.
std::string read_tags(const Settings& sensor) {
  const auto table = sensor.table("tags");
  const auto tags = table.entries();
  if (tags.size() > kTagsMax) sensor.refuse("tags", "are more than 32");
  std::string json;
  for (const auto& [name, value] : tags) {
    if (!value.starts_with('"')) table.refuse(name, "must be a string, in quotes");
    json += json.empty() ? '{' : ',';
    append_json_string(json, name);
    json += ':';
    json += value;
  }
  if (!json.empty()) json += '}';
  return json;
}

void read_host(const Settings& sensor, const std::string& pipeline, const std::string& edge,
               std::vector<SensorConfig>& to) {
  auto options = default_host(edge);
  options.sensor_id = sensor.string("sensor_id", options.sensor_id);
  if (options.sensor_id.empty() || options.sensor_id.size() > kSensorIdMax) {
    sensor.refuse("sensor_id", "must have 1 to 128 characters");
  }
  options.interval = sensor.duration("interval", 10s, 100ms, 24h);
  read_groups(sensor, options);
  options.mounts = sensor.strings("mounts");
  options.interfaces = sensor.strings("interfaces");
  const auto is_relative = [](const std::string& mount) { return !mount.starts_with('/'); };
  if (std::ranges::any_of(options.mounts, is_relative)) {
    sensor.refuse("mounts", "must be absolute paths, as in /var/lib");
  }
  if (std::ranges::any_of(options.interfaces, &std::string::empty)) {
    sensor.refuse("interfaces", "must be names, as in eth0");
  }
  if (options.mounts.size() > kHostMountsMax) sensor.refuse("mounts", "are more than 16");
  if (options.interfaces.size() > kHostInterfacesMax) {
    sensor.refuse("interfaces", "are more than 16");
  }
  options.tags = read_tags(sensor);
  const auto same = [&](const SensorConfig& other) {
    return other.name == options.sensor_id && other.pipeline == pipeline;
  };
  if (std::ranges::any_of(to, same)) {
    sensor.refuse("sensor_id", "is that of another sensor already: " + options.sensor_id);
  }
  to.push_back({.name = options.sensor_id, .pipeline = pipeline, .options = std::move(options)});
}

}  // namespace

HostOptions default_host(const std::string& edge) {
  HostOptions options;
  options.sensor_id = edge + "-host";
  return options;
}

bool is_pipeline_name(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= kPipelineNameMax && plain(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return plain(c) || c == '_' || c == '-'; });
}

bool SensorConfig::unhurried() const {
  const auto* csv = std::get_if<CsvOptions>(&options);
  return csv != nullptr && csv->pace == 0;
}

std::vector<SensorConfig> read_sensors(const Settings& settings, const std::string& edge,
                                       const std::filesystem::path& directory) {
  constexpr std::array<std::string_view, 3> kTypes{"simulator", "csv", "host"};
  std::vector<SensorConfig> sensors;
  std::map<std::string, std::int64_t> numbers;
  for (const auto& sensor : settings.tables("sensor")) {
    const auto type = sensor.choice("type", "simulator", kTypes);
    const auto pipeline = sensor.string("pipeline", type == "host" ? kHostPipeline : "telemetry");
    if (!is_pipeline_name(pipeline)) {
      sensor.refuse("pipeline",
                    "must be 1 to 63 characters of a-z, 0-9, _ and -, not _ or - first");
    }
    if (!sensor.has("type")) {
      sensor.refuse("type", "is missing: simulator, csv or host");
    } else if (type == "csv") {
      read_csv(sensor, pipeline, directory, sensors);
    } else if (type == "host") {
      read_host(sensor, pipeline, edge, sensors);
    } else {
      read_simulators(sensor, pipeline, edge, numbers, sensors);
    }
  }
  return sensors;
}

Result<std::unique_ptr<Sensor>> make_sensor(FileSystem& files, const Clock& clock,
                                            const SensorConfig& config) {
  if (const auto* simulator = std::get_if<SimulatorOptions>(&config.options)) {
    return std::make_unique<SimulatorSensor>(*simulator);
  }
  if (const auto* host = std::get_if<HostOptions>(&config.options)) {
    return std::make_unique<HostSensor>(*host, clock);
  }
  TRIBUTARY_ASSIGN(std::unique_ptr<Sensor> sensor,
                   CsvSensor::open(files, std::get<CsvOptions>(config.options)));
  return sensor;
}

}  // namespace tributary::edge
