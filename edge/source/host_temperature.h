#pragma once

#include "edge/source/host_files.h"
#include "edge/source/host_reading.h"

namespace tributary::edge {

// temperature_<zone>_celsius for each thermal zone of the kernel, and cpu_temperature_celsius: the
// warmest of those zones that are the processor's by their names, else of the chip (hwmon) that is.
// Other chips are not asked: reading some of them wakes a disk.
void read_temperatures(const HostFiles& files, HostReading& to);

}  // namespace tributary::edge
