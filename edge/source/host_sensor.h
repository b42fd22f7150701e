#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "edge/source/event_time.h"
#include "edge/source/host_files.h"
#include "edge/source/host_network.h"
#include "edge/source/host_processor.h"
#include "edge/source/host_reading.h"
#include "edge/source/sensor.h"
#include "shared/base/clock.h"

namespace tributary::edge {

struct HostOptions {
  std::string sensor_id;
  std::chrono::nanoseconds interval = std::chrono::seconds(10);
  // Which groups of values.
  bool cpu = true;
  bool temperature = true;
  bool load = true;
  bool memory = true;
  bool disk = true;
  bool network = true;
  std::vector<std::string> mounts;      // mount points; empty: those of local file systems
  std::vector<std::string> interfaces;  // empty: all but loopback and what containers make
  std::string tags;                     // a JSON object; empty: none
  std::string root;                     // what /proc and /sys are below; for tests
};

// The machine that the agent runs on: `measurement` events with what /proc and /sys say of its
// processor, memory, disks and network. HOST.md has every name. Nothing of the network is asked,
// and no file system that lives there unless it is named, so a sample takes no longer than the
// kernel takes to write its files.
class HostSensor final : public Sensor {
 public:
  // The clock must outlive it.
  HostSensor(HostOptions options, const Clock& clock);

  // errc::unavailable when the machine gives nothing at all, with why.
  Result<Reading> sample(Timestamp now) override;
  std::optional<std::chrono::nanoseconds> interval() const override { return options_.interval; }

  // What sample() makes an event of. Shares and rates are those since the last call, and are
  // missing at the first one.
  HostReading read();

 private:
  const HostOptions options_;
  const Clock& clock_;
  const HostFiles files_;
  ProcessorUsage processor_;
  NetworkUsage network_;
  EventTime event_time_;
};

}  // namespace tributary::edge
