#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "edge/source/host_files.h"
#include "edge/source/host_reading.h"

namespace tributary::edge {

inline constexpr std::size_t kHostMountsMax = 16;

// disk_<mount point>_…: size, free bytes and used share of file systems that are mounted
// (/proc/self/mountinfo). `mounts` empty: of those that are on disks of this machine. A file system
// of the network, or of a program (FUSE), may not answer for hours, and nothing can call back who
// asks it: so it is asked only when `mounts` names it.
void read_disks(const HostFiles& files, const std::vector<std::string>& mounts, HostReading& to);

}  // namespace tributary::edge
