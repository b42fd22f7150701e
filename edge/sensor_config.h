#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "edge/source/csv_sensor.h"
#include "edge/source/host_sensor.h"
#include "edge/source/sensor.h"
#include "edge/source/simulator_sensor.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/config/settings.h"
#include "shared/io/file_system.h"

namespace tributary::edge {

struct SensorConfig {
  std::string name;  // for people: logs and /health
  std::string pipeline;
  std::variant<SimulatorOptions, CsvOptions, HostOptions> options;

  // Whether it waits for the buffer as long as it takes, because nothing else gives its pace.
  [[nodiscard]] bool unhurried() const;
};

// [a-z0-9][a-z0-9_-]{0,62}
bool is_pipeline_name(std::string_view name);

// The [[sensor]] tables, in order; `count` simulators are as many. Mistakes go to the settings.
// Relative paths start in the working directory or, when there is no such file, in `directory`.
//
//     [[sensor]]                      [[sensor]]
//     type = "simulator"              type = "csv"
//     pipeline = "telemetry"          path = "office_room.csv"
//     count = 10                      pipeline = "telemetry"
//     rate = 10.0    # a second,      separator = ","
//     seed = 0       #   each         time = { column = "Date", format = "%Y-%m-%d %H:%M:%S",
//     prefix = "<edge>-sim-"                   zone = "UTC", field = "timestamp" }
//     location = { latitude = 50.45,  fields = { temperature = "Temperature", "values.co2" = "CO2"
//     }
//                  longitude = 3.95 } set = { sensor_id = "office" }
//                                     pace = "max"   # or "real", or a factor such as 60.0
//     [[sensor]]
//     type = "host"                   groups = ["cpu", "temperature", "load", "memory", "disk",
//     pipeline = "measurement"                  "network"]
//     interval = "10s"                mounts = ["/", "/data"]      # default: local file systems
//     sensor_id = "<edge>-host"       interfaces = ["eth0"]        # default: all but virtual ones
//     tags = { site = "roof" }
std::vector<SensorConfig> read_sensors(const Settings& settings, const std::string& edge,
                                       const std::filesystem::path& directory);

inline constexpr const char* kHostPipeline = "measurement";
// What a table of type "host" is that says no more.
HostOptions default_host(const std::string& edge);

// A recording is opened; failures say what is wrong with it. `files` and `clock` outlive it.
Result<std::unique_ptr<Sensor>> make_sensor(FileSystem& files, const Clock& clock,
                                            const SensorConfig& config);

}  // namespace tributary::edge
