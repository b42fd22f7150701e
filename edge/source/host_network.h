#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "edge/source/host_files.h"
#include "edge/source/host_reading.h"

namespace tributary::edge {

inline constexpr std::size_t kHostInterfacesMax = 16;

// network_<interface>_…, of /proc/net/dev: bytes a second between two readings; errors and drops
// since the interface came up. A counter that went back wrapped or began anew: nobody can tell, so
// that one rate is missing.
class NetworkUsage {
 public:
  // `interfaces` empty: all but the loopback and those that containers, virtual machines and the
  // kernel's own tunnels make. `now` is monotonic.
  void read(const HostFiles& files, const std::vector<std::string>& interfaces,
            std::chrono::nanoseconds now, HostReading& to);

 private:
  struct Counters {
    std::string interface;
    std::uint64_t received_bytes = 0;
    std::uint64_t receive_errors = 0;
    std::uint64_t receive_drops = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t send_errors = 0;
    std::uint64_t send_drops = 0;
  };

  static std::optional<Counters> parse(std::string_view line);
  void add(const Counters& counters, std::chrono::nanoseconds now, HostReading& to) const;

  std::vector<Counters> last_;
  std::chrono::nanoseconds last_at_{};
};

}  // namespace tributary::edge
