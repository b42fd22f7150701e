#include "edge/source/host_sensor.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>

#include "tests/unit/edge/machine.h"

using namespace tributary;
using namespace tributary::edge;
using namespace tributary::edge::test;

namespace {

std::vector<std::string> names_beginning(const nlohmann::json& values, const std::string& prefix) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values.items()) {
    if (name.starts_with(prefix)) names.push_back(name);
  }
  return names;
}

}  // namespace

TEST_CASE("a board's event has every value by its documented name") {
  ArmBoard board;
  HostOptions options;
  options.tags = R"({"site":"roof"})";
  board.start(options);
  board.values();
  board.cpu("1250 50 600 8500 150 10 20 20 99 99");  // 1000 ticks, half of them idle
  board.network({{"eth0", "1125000 900 1 2 0 0 0 3 500250 800 4 5 0 0 0 0"}});
  board.clock.advance(10s);
  auto event = board.sample();
  REQUIRE(event["sensor_id"] == "gw-host");
  REQUIRE(event["timestamp"] == board.clock.now().text());
  REQUIRE(event["tags"] == nlohmann::json{{"site", "roof"}});
  auto& values = event["values"];
  // These are the test's own disk.
  REQUIRE(names_beginning(values, "disk_") ==
          std::vector<std::string>{"disk_boot_free_bytes", "disk_boot_size_bytes",
                                   "disk_boot_used_percent", "disk_root_free_bytes",
                                   "disk_root_size_bytes", "disk_root_used_percent"});
  for (const auto& name : names_beginning(values, "disk_")) {
    REQUIRE(values[name] >= 0);
    values.erase(name);
  }
  REQUIRE(values == nlohmann::json::parse(R"({
    "uptime_seconds": 58473.17,
    "cpu_usage_percent": 45, "cpu_user_percent": 30, "cpu_system_percent": 13,
    "cpu_iowait_percent": 5, "cpu_steal_percent": 2,
    "temperature_cpu_thermal_celsius": 48.31, "temperature_gpu_thermal_celsius": 47,
    "cpu_temperature_celsius": 48.31,
    "load_1m": 0.27, "load_5m": 0.35, "load_15m": 1.87,
    "memory_total_bytes": 512000000, "memory_available_bytes": 128000000, "memory_used_percent": 75,
    "swap_total_bytes": 102400000, "swap_free_bytes": 92160000,
    "network_eth0_received_bytes_per_second": 12500, "network_eth0_sent_bytes_per_second": 25,
    "network_eth0_receive_errors": 1, "network_eth0_receive_drops": 2,
    "network_eth0_send_errors": 4, "network_eth0_send_drops": 5
  })"));
}

TEST_CASE("the first reading has no shares and rates, which are differences, and says so") {
  ArmBoard board;
  board.start();
  const auto values = board.values();
  REQUIRE(names_beginning(values, "cpu_") == std::vector<std::string>{"cpu_temperature_celsius"});
  REQUIRE_FALSE(values.contains("network_eth0_received_bytes_per_second"));
  REQUIRE(values["network_eth0_receive_errors"] == 1);
  board.start();
  REQUIRE(board.gaps()["cpu_"] == "is the difference between two readings: from the second on");
}

TEST_CASE("two events of one millisecond have two times") {
  ArmBoard board;
  board.start();
  const auto first = board.sample();
  REQUIRE(board.sample()["timestamp"] != first["timestamp"]);
}

TEST_CASE("a machine without thermometers has no temperature, and says where it looked") {
  ArmBoard board;
  board.remove("/sys/class/thermal");
  board.start();
  REQUIRE(names_beginning(board.values(), "temperature_").empty());
  REQUIRE_FALSE(board.values().contains("cpu_temperature_celsius"));
  auto gaps = board.gaps();
  REQUIRE(gaps["temperature_"] == "no thermal zone below /sys/class/thermal");
  REQUIRE(gaps["cpu_temperature_celsius"].find("/sys/class/hwmon") != std::string::npos);
  board.make_directory("/sys/class/thermal");  // as in a virtual machine
  REQUIRE(board.gaps()["temperature_"] == "no thermal zone below /sys/class/thermal");
}

TEST_CASE("the processor's temperature is its chip's where no zone is the processor's") {
  ArmBoard board;
  board.remove("/sys/class/thermal");
  board.zone(0, "acpitz", "27800");
  board.write("/sys/class/hwmon/hwmon0/name", "nvme\n");
  board.write("/sys/class/hwmon/hwmon0/temp1_input", "80000\n");
  board.write("/sys/class/hwmon/hwmon2/name", "coretemp\n");
  board.write("/sys/class/hwmon/hwmon2/temp1_input", "51000\n");
  board.write("/sys/class/hwmon/hwmon10/name", "coretemp\n");
  board.write("/sys/class/hwmon/hwmon10/temp1_input", "53000\n");
  board.start();
  const auto values = board.values();
  REQUIRE(values["cpu_temperature_celsius"] == 53);
  REQUIRE(values["temperature_acpitz_celsius"] == 27.8);
  REQUIRE(names_beginning(values, "temperature_").size() == 1);
  // The zone of the whole chip is nearer to it.
  board.zone(1, "soc_thermal", "44000");
  REQUIRE(board.values()["cpu_temperature_celsius"] == 44);
}

TEST_CASE(
    "the warmest of the processor's zones counts, and zones of one type have names of their own") {
  ArmBoard board;
  board.zone(2, "cpu-thermal", "52000");
  board.zone(10, "cpu-thermal", "50000");
  board.start();
  const auto values = board.values();
  REQUIRE(values["cpu_temperature_celsius"] == 52);
  REQUIRE(values["temperature_cpu_thermal_celsius"] == 48.31);
  REQUIRE(values["temperature_cpu_thermal_2_celsius"] == 52);
  REQUIRE(values["temperature_cpu_thermal_3_celsius"] == 50);
}

TEST_CASE("a zone may be below zero, and one that can't be read is missing") {
  ArmBoard board;
  board.zone(0, "cpu-thermal", "-12500");
  board.zone(2, "off-thermal", "-274000");
  board.zone(3, "text-thermal", "48 C");
  board.zone(4, "gone-thermal", "0");
  board.remove("/sys/class/thermal/thermal_zone4/temp");
  board.make_unreadable("/sys/class/thermal/thermal_zone1/temp");
  board.start();
  const auto values = board.values();
  REQUIRE(values["temperature_cpu_thermal_celsius"] == -12.5);
  REQUIRE(values["cpu_temperature_celsius"] == -12.5);
  REQUIRE(names_beginning(values, "temperature_").size() == 1);
  auto gaps = board.gaps();
  REQUIRE(gaps["temperature_gpu_thermal_celsius"] ==
          "/sys/class/thermal/thermal_zone1/temp: Is a directory");
  REQUIRE(gaps["temperature_off_thermal_celsius"] ==
          "/sys/class/thermal/thermal_zone2/temp: says -274000, which no thermometer does");
  REQUIRE(gaps["temperature_text_thermal_celsius"] ==
          "/sys/class/thermal/thermal_zone3/temp: is no number of millidegrees");
  REQUIRE(gaps["temperature_gone_thermal_celsius"] ==
          "/sys/class/thermal/thermal_zone4/temp: No such file or directory");
}

TEST_CASE("counters of the processor that begin anew cost one reading, a little less idle none") {
  ArmBoard board;
  board.start();
  board.values();
  board.cpu("1100 0 500 7990 200 0 0 0");
  REQUIRE(board.values()["cpu_usage_percent"] == 50);
  REQUIRE_FALSE(board.values().contains("cpu_usage_percent"));  // no tick has passed
  board.cpu("10 0 5 80 1 0 0 0");
  REQUIRE_FALSE(board.values().contains("cpu_usage_percent"));
  board.cpu("20 0 5 170 1 0 0 0");
  REQUIRE(board.values()["cpu_usage_percent"] == 10);
}

TEST_CASE("a counter of bytes that goes back, or an interface that was away, costs one rate") {
  ArmBoard board;
  board.start();
  const auto rate = [&](const std::string& counters) {
    if (counters.empty()) {
      board.network({});
    } else {
      board.network({{"eth0", counters + " 0 0 0 0 0 0 0 7 0 0 0 0 0 0 0"}});
    }
    board.clock.advance(10s);
    return board.values().value("network_eth0_received_bytes_per_second", -1.0);
  };
  REQUIRE(rate("4294967000") == -1);
  REQUIRE(rate("4294967290") == 29);
  REQUIRE(rate("100") == -1);  // wrapped, or began anew
  REQUIRE(rate("300") == 20);
  REQUIRE(rate("") == -1);
  REQUIRE(rate("400") == -1);
  REQUIRE(rate("18446744073709551615") == Approx(1.8446744073709552e18));
  REQUIRE(rate("18446744073709551616") == -1);  // beyond what a counter holds
}

TEST_CASE("virtual interfaces are left out unless they are named") {
  ArmBoard board;
  const std::string counters = "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0";
  board.network({{"", counters},
                 {"lo", counters},
                 {"veth12ab", counters},
                 {"docker0", counters},
                 {"br-5f3c", counters},
                 {"ppp0", counters},
                 {"eth0.10", counters},
                 {"wg0", counters}});
  board.start();
  const auto chosen = board.values();
  REQUIRE(chosen.contains("network_ppp0_send_drops"));
  REQUIRE(chosen.contains("network_eth0_10_send_drops"));
  REQUIRE(chosen.contains("network_wg0_send_drops"));
  REQUIRE(names_beginning(chosen, "network_").size() == 12);

  HostOptions options;
  options.interfaces = {"docker0", "eth7"};
  board.start(options);
  REQUIRE(names_beginning(board.values(), "network_docker0_").size() == 4);
  REQUIRE(names_beginning(board.values(), "network_eth").empty());
  REQUIRE(board.gaps()["network_eth7_"] == "/proc/net/dev has no eth7");
}

TEST_CASE("interfaces, mounts and zones without number make a bounded event of valid names") {
  ArmBoard board;
  std::map<std::string, std::string> interfaces;
  std::string mounts;
  for (int i = 0; i < 500; ++i) {
    const auto number = std::to_string(i);
    interfaces["eth" + number] = "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0";
    const auto point = "/m\"\xFF" + number + std::string(180, 'x');
    board.make_directory(point);
    mounts += "1 1 8:" + number + " / " + point + " rw - ext4 /dev/sda" + number + " rw\n";
    board.zone(i, "zone\n\x01\xFF" + number, "1000");
  }
  board.network(interfaces);
  board.mounts(mounts);
  board.start();
  const auto values = board.values();
  REQUIRE(names_beginning(values, "network_").size() == 64);
  REQUIRE(names_beginning(values, "temperature_").size() == 16);
  REQUIRE(names_beginning(values, "disk_").size() == 48);
  for (const auto& [name, value] : values.items()) REQUIRE(name.size() <= 80);
}

TEST_CASE("things whose names come out the same have one value, and the other one is told") {
  ArmBoard board;
  board.network({{"eth0.1", "0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0"},
                 {"eth0_1", "0 0 2 0 0 0 0 0 0 0 0 0 0 0 0 0"}});
  board.start();
  REQUIRE(board.values()["network_eth0_1_receive_errors"] == 1);
  REQUIRE(board.gaps()["network_eth0_1_receive_errors"].starts_with("another thing has this name"));
}

TEST_CASE("file systems of disks are told once each, those of nothing and of others never") {
  ArmBoard board;
  for (const auto* const point : {"/data disk", "/snap/core", "/mnt/nas", "/run", "/srv", "/home",
                                  "/fuse", "/var/lib/docker/overlay2/5f3c/merged"}) {
    board.make_directory(point);
  }
  const std::string root = "27 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n";
  board.mounts(root +
               "30 27 8:1 / /data\\040disk rw shared:3 master:4 - xfs /dev/sda1 rw\n"
               "31 27 7:0 / /snap/core ro - ext4 /dev/loop0 ro\n"
               "32 27 0:50 / /mnt/nas rw - nfs4 nas:/export rw\n"
               "33 27 0:51 / /run rw - tmpfs tmpfs rw\n"
               "34 27 8:1 / /srv rw - xfs /dev/sda1 rw\n"
               "35 27 8:9 /sub /home rw - ext4 /dev/sdb1 rw\n"
               "36 27 0:52 / /fuse rw - fuse.sshfs you@there:/ rw\n"
               "37 27 8:5 / /there/is/none rw - ext4 /dev/sdc rw\n"
               "38 27 0:53 / /var/lib/docker/overlay2/5f3c/merged rw - overlay overlay rw\n");
  board.start();
  REQUIRE(names_beginning(board.values(), "disk_") ==
          std::vector<std::string>{"disk_data_disk_free_bytes", "disk_data_disk_size_bytes",
                                   "disk_data_disk_used_percent", "disk_root_free_bytes",
                                   "disk_root_size_bytes", "disk_root_used_percent"});
  REQUIRE(board.gaps()["disk_there_is_none_"] == "/there/is/none: No such file or directory");

  board.mounts("27 1 0:40 / / rw - overlay overlay rw,lowerdir=" + std::string(5000, 'x') + "\n");
  REQUIRE(names_beginning(board.values(), "disk_root_").size() == 3);

  // What hides a disk is not asked in its name.
  board.mounts(root + "32 27 0:50 / / rw - nfs4 nas:/export rw\n");
  REQUIRE(names_beginning(board.values(), "disk_").empty());

  HostOptions options;
  options.mounts = {"/run", "/data"};
  board.mounts(root + "33 27 0:51 / /run rw - tmpfs tmpfs rw\n");
  board.start(options);
  REQUIRE(names_beginning(board.values(), "disk_").size() == 3);
  REQUIRE(board.values().contains("disk_run_free_bytes"));
  REQUIRE(board.gaps()["disk_data_"] == "nothing is mounted on /data");
}

TEST_CASE("groups that were not asked for are not there") {
  ArmBoard board;
  HostOptions options;
  options.cpu = options.temperature = options.load = options.disk = options.network = false;
  board.start(options);
  board.values();
  const auto values = board.values();
  REQUIRE(values.contains("memory_total_bytes"));
  REQUIRE(values.contains("uptime_seconds"));
  REQUIRE(values.size() == 6);
}

TEST_CASE("a machine without swap, and one of an old kernel, lack the value") {
  ArmBoard board;
  board.write("/proc/meminfo", "MemTotal: 1000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
  board.start();
  const auto values = board.values();
  REQUIRE(values["memory_total_bytes"] == 1'024'000);
  REQUIRE(names_beginning(values, "memory_").size() == 1);
  REQUIRE(names_beginning(values, "swap_").empty());
  REQUIRE(board.gaps()["swap_"] == "this machine has no swap");
}

TEST_CASE("a machine that gives nothing is an error that says why, until it gives something") {
  Machine nothing;
  nothing.start();
  REQUIRE(nothing.sample() == nullptr);
  REQUIRE(nothing.error ==
          "the host sensor finds nothing on this machine: /proc/uptime: No such file or directory; "
          "/proc/stat: No such file or directory; no thermal zone below /sys/class/thermal");
  nothing.write("/proc/uptime", "1.00 1.00\n");
  REQUIRE(nothing.values() == nlohmann::json{{"uptime_seconds", 1}});
}

TEST_CASE("a file that is missing, empty or cut off costs its own values only") {
  const std::map<std::string, std::string> groups{
      {"/proc/stat", "cpu_"},
      {"/proc/uptime", "uptime_"},
      {"/proc/loadavg", "load_"},
      {"/proc/meminfo", "memory_"},
      {"/proc/net/dev", "network_"},
      {"/proc/self/mountinfo", "disk_"},
      {"/sys/class/thermal/thermal_zone1/temp", "temperature_gpu"}};
  ArmBoard whole;
  whole.start();
  whole.values();
  const auto all = whole.values();
  for (const auto& [path, prefix] : groups) {
    CAPTURE(path);
    const auto others_are_there = [&](const nlohmann::json& values) {
      for (const auto& [name, value] : all.items()) {
        const bool own =
            name.starts_with(prefix) || (prefix == "memory_" && name.starts_with("swap_"));
        const bool differs = name.starts_with("disk_") || name.starts_with("network_");
        if (!own) REQUIRE(values.contains(name));
        if (!own && !differs) REQUIRE(values[name] == value);
      }
    };
    ArmBoard board;
    std::string text;
    std::getline(std::ifstream(board.root / path.substr(1)), text, '\0');
    board.remove(path);
    board.start();
    board.values();
    REQUIRE(names_beginning(board.values(), prefix) ==
            (prefix == "cpu_" ? std::vector<std::string>{"cpu_temperature_celsius"}
                              : std::vector<std::string>{}));
    others_are_there(board.values());
    board.make_unreadable(path);
    others_are_there(board.values());
    board.remove(path);
    for (std::size_t size = 0; size < text.size(); ++size) {
      board.write(path, text.substr(0, size));
      others_are_there(board.values());
    }
  }
}

TEST_CASE("whatever the files say, the event is valid or there is none") {
  const auto* const given = std::getenv("TRIBUTARY_SEED");
  const auto seed = given == nullptr ? std::random_device{}()
                                     : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
  INFO("TRIBUTARY_SEED=" << seed);
  std::mt19937 random(seed);
  constexpr std::string_view kBytes = "0123456789 \n\t:-./\\\"cpu\xFF\0eE+nanif";
  for (int round = 0; round < 300; ++round) {
    ArmBoard board;
    for (const auto* const path :
         {"/proc/stat", "/proc/uptime", "/proc/loadavg", "/proc/meminfo", "/proc/net/dev",
          "/proc/self/mountinfo", "/sys/class/thermal/thermal_zone0/type",
          "/sys/class/thermal/thermal_zone0/temp"}) {
      std::string text;
      std::getline(std::ifstream(board.root / (path + 1)), text, '\x02');
      for (auto changes = random() % 6; changes > 0 && !text.empty(); --changes) {
        text[random() % text.size()] = kBytes[random() % kBytes.size()];
      }
      board.write(path, text);
    }
    board.start();
    board.sample();
    board.clock.advance(1s);
    board.sample();
  }
}
