#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "edge/source/host_files.h"
#include "edge/source/host_reading.h"

namespace tributary::edge {

// cpu_…: how busy the processor was between two readings of /proc/stat, all cores together.
class ProcessorUsage {
 public:
  void read(const HostFiles& files, HostReading& to);

 private:
  // user, nice, system, idle, iowait, irq, softirq, steal (proc(5)); a guest's time is in user's.
  static constexpr std::size_t kTimes = 8;
  using Times = std::array<std::uint64_t, kTimes>;  // ticks since the start of the machine

  static std::optional<Times> times(const HostFiles& files, HostReading& to);
  static void compare(const Times& before, const Times& now, HostReading& to);

  std::optional<Times> last_;
};

// uptime_seconds, of /proc/uptime.
void read_uptime(const HostFiles& files, HostReading& to);
// load_1m, load_5m and load_15m, of /proc/loadavg.
void read_load(const HostFiles& files, HostReading& to);
// memory_… and swap_…, of /proc/meminfo.
void read_memory(const HostFiles& files, HostReading& to);

}  // namespace tributary::edge
