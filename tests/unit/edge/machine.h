#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "edge/source/host_sensor.h"
#include "shared/event/codec.h"
#include "tests/unit/edge/fakes.h"

namespace tributary::edge::test {

// A directory with the files of /proc and /sys that a machine of the tests has, and a host sensor
// that takes it for the machine.
class Machine {
 public:
  Machine() {
    auto name = (std::filesystem::temp_directory_path() / "tributary-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
  }
  ~Machine() { std::filesystem::remove_all(root); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void write(const std::string& path, const std::string& text) const {
    const auto file = root / path.substr(1);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(root / path.substr(1)); }
  void make_directory(const std::string& path) const {
    std::filesystem::create_directories(root / path.substr(1));
  }
  // Opening it goes well and reading it fails, as with a zone that is switched off.
  void make_unreadable(const std::string& path) const {
    remove(path);
    make_directory(path);
  }

  void cpu(const std::string& times) const {
    write("/proc/stat", "cpu  " + times + "\ncpu0 1 2 3 4 5 6 7 8 0 0\nintr 128967938 0 0\n");
  }
  void zone(int number, const std::string& type, const std::string& temperature) const {
    const auto path = "/sys/class/thermal/thermal_zone" + std::to_string(number);
    write(path + "/type", type + "\n");
    write(path + "/temp", temperature + "\n");
  }
  void network(const std::map<std::string, std::string>& interfaces) const {
    std::string text =
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
        "drop fifo colls carrier compressed\n";
    for (const auto& [name, counters] : interfaces) text += "  " + name + ": " + counters + "\n";
    write("/proc/net/dev", text);
  }
  void mounts(const std::string& lines) const { write("/proc/self/mountinfo", lines); }

  HostSensor& start(HostOptions options = {}) {
    options.sensor_id = "gw-host";
    options.root = root.string();
    sensor = std::make_unique<HostSensor>(std::move(options), clock);
    return *sensor;
  }
  // One event, which is a valid measurement; null when there is none.
  nlohmann::json sample() {
    auto reading = sensor->sample(clock.now());
    if (!reading) {
      error = reading.error().message();
      return nullptr;
    }
    Codec codec(must(Schema::built_in("measurement")));
    const auto valid = codec.validate(reading->json);
    INFO(reading->json);
    REQUIRE(valid);
    REQUIRE(reading->json.size() < 32U << 10);
    return nlohmann::json::parse(reading->json);
  }
  nlohmann::json values() { return sample().value("values", nlohmann::json::object()); }
  // What is missing → why.
  std::map<std::string, std::string> gaps() const {
    std::map<std::string, std::string> found;
    const auto reading = sensor->read();
    for (const auto& gap : reading.gaps()) found[gap.what] = gap.why;
    return found;
  }

  std::filesystem::path root;
  FakeClock clock;
  std::unique_ptr<HostSensor> sensor;
  std::string error;
};

// A board with two thermal zones, an SD card and two interfaces.
struct ArmBoard : Machine {
  ArmBoard() {
    cpu("1000 0 500 8000 100 0 0 0 0 0");
    write("/proc/uptime", "58473.17 46297.75\n");
    write("/proc/loadavg", "0.27 0.35 1.87 4/103 22826\n");
    write(
        "/proc/meminfo",
        "MemTotal:         500000 kB\nMemFree:           10000 kB\nMemAvailable:     125000 kB\n"
        "SwapTotal:        100000 kB\nSwapFree:          90000 kB\nHugepagesize:       2048 kB\n");
    zone(0, "cpu-thermal", "48312");
    zone(1, "gpu-thermal", "47000");
    network({{"lo", "5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0"},
             {"eth0", "1000000 900 1 2 0 0 0 3 500000 800 4 5 0 0 0 0"},
             {"wlan0", "70 1 0 0 0 0 0 0 80 1 0 0 0 0 0 0"}});
    mounts(
        "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
        "27 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw\n"
        "28 27 179:1 / /boot rw,relatime - vfat /dev/mmcblk0p1 rw\n");
    make_directory("/boot");
  }
};

}  // namespace tributary::edge::test
