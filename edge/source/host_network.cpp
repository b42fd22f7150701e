#include "edge/source/host_network.h"

#include <algorithm>
#include <utility>

namespace tributary::edge {
namespace {

constexpr std::string_view kDevices = "/proc/net/dev";
constexpr std::size_t kColumns = 12;  // of 16; the rest isn't used

// How the names of interfaces begin that have no wire: of containers and virtual machines, and of
// the kernel's tunnels and tests. What goes through them is counted at a real one, or nowhere.
constexpr std::array<std::string_view, 19> kVirtual{
    "veth", "docker", "br-",    "virbr", "vnet",   "lxc",    "lxdbr", "cni",    "flannel", "cali",
    "ifb",  "dummy",  "ip_vti", "tunl",  "ip6tnl", "erspan", "gre",   "ip6gre", "teql"};

bool is_default(std::string_view interface) {
  return interface != "lo" && interface != "sit0" && interface != "ip6_vti0" &&
         std::ranges::none_of(
             kVirtual, [&](std::string_view prefix) { return interface.starts_with(prefix); });
}

}  // namespace

std::optional<NetworkUsage::Counters> NetworkUsage::parse(std::string_view line) {
  const auto colon = line.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;  // the heading
  auto name = line.substr(0, colon);
  Counters counters;
  counters.interface = take_word(name);
  if (counters.interface.empty()) return std::nullopt;
  line.remove_prefix(colon + 1);
  std::array<std::uint64_t, kColumns> columns{};
  for (auto& column : columns) {
    if (!take_count(line, column)) return std::nullopt;
  }
  counters.received_bytes = columns[0];
  counters.receive_errors = columns[2];
  counters.receive_drops = columns[3];
  counters.sent_bytes = columns[8];
  counters.send_errors = columns[10];
  counters.send_drops = columns[11];
  return counters;
}

void NetworkUsage::read(const HostFiles& files, const std::vector<std::string>& interfaces,
                        std::chrono::nanoseconds now, HostReading& to) {
  std::vector<Counters> found;
  auto lines = files.open(kDevices);
  std::string_view line;
  while (lines) {
    const auto more = lines->next(line);
    if (!more) lines = std::unexpected(more.error());
    if (!more || !*more) break;
    auto counters = parse(line);
    if (!counters) continue;
    const auto& name = counters->interface;
    const bool wanted = interfaces.empty()
                            ? is_default(name)
                            : std::ranges::find(interfaces, name) != interfaces.end();
    if (!wanted) continue;
    if (found.size() == kHostInterfacesMax) {
      to.miss({"network_", name_part(name), "_"}, {"is over the limit of 16 interfaces"});
      continue;
    }
    add(*counters, now, to);
    found.push_back(*std::move(counters));
  }
  if (!lines) to.miss({"network_"}, {lines.error().message()});
  for (const auto& name : interfaces) {
    if (std::ranges::find(found, name, &Counters::interface) == found.end()) {
      to.miss({"network_", name_part(name), "_"}, {kDevices, " has no ", name});
    }
  }
  if (lines && interfaces.empty() && found.empty()) {
    to.miss({"network_"}, {kDevices, " has only interfaces without a wire"});
  }
  last_ = std::move(found);
  last_at_ = now;
}

void NetworkUsage::add(const Counters& counters, std::chrono::nanoseconds now,
                       HostReading& to) const {
  const auto prefix = joined({"network_", name_part(counters.interface), "_"});
  const auto before = std::ranges::find(last_, counters.interface, &Counters::interface);
  const auto seconds = std::chrono::duration<double>(now - last_at_).count();
  const auto rate = [&](const char* name, std::uint64_t Counters::* bytes) {
    if (before == last_.end() || seconds <= 0) {
      to.miss({prefix, name}, {"is the difference between two readings: from the second on"});
    } else if (counters.*bytes < (*before).*bytes) {
      to.miss({prefix, name}, {"its counter began anew since the last reading"});
    } else {
      const auto grown = static_cast<double>(counters.*bytes - (*before).*bytes);
      to.add({prefix, name}, grown / seconds, kDevices);
    }
  };
  const auto count = [&](const char* name, std::uint64_t so_far) {
    to.add({prefix, name}, static_cast<double>(so_far), kDevices);
  };
  rate("received_bytes_per_second", &Counters::received_bytes);
  rate("sent_bytes_per_second", &Counters::sent_bytes);
  count("receive_errors", counters.receive_errors);
  count("receive_drops", counters.receive_drops);
  count("send_errors", counters.send_errors);
  count("send_drops", counters.send_drops);
}

}  // namespace tributary::edge
