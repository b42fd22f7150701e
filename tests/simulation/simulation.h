#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tributary::simulation {

// What became of one run.
struct Verdict {
  std::vector<std::string> wrong;  // empty: every promise was kept
  std::uint64_t accepted = 0;      // events
  std::uint64_t faults = 0;        // that were injected: kills, power cuts, failing disks, …
  std::uint64_t hand_overs = 0;    // between threads
  std::uint64_t stored = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t dropped = 0;  // by full buffers, as they counted
  double seconds = 0;         // of simulated time
};

// Runs edges, devices, a broker, a collector and a database through faults, then lets them come to
// rest, and judges. All that happens follows from the seed. `told`: each fault, on standard error.
Verdict simulate(std::uint64_t seed, bool told = false);

}  // namespace tributary::simulation
