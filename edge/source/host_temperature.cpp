#include "edge/source/host_temperature.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::edge {
namespace {

constexpr std::string_view kZones = "/sys/class/thermal";
constexpr std::string_view kChips = "/sys/class/hwmon";
constexpr std::size_t kZonesMax = 16;
constexpr std::size_t kChipsMax = 32;
constexpr const char* kProcessor = "cpu_temperature_celsius";

// Beyond these a driver says that it knows nothing (THERMAL_TEMP_INVALID is -274000).
constexpr long kLeastMillidegrees = -100'000;
constexpr long kMostMillidegrees = 250'000;

// In the types of zones: of the processor alone, and of the chip that it is part of.
constexpr std::array<std::string_view, 3> kProcessorZones{"cpu", "CPU", "pkg_temp"};
constexpr std::array<std::string_view, 5> kChipZones{"soc", "SoC", "imx_thermal", "bcm2835",
                                                     "bcm2711"};
constexpr std::array<std::string_view, 7> kProcessorChips{
    "coretemp", "k8temp", "k10temp", "zenpower", "via_cputemp", "cpu_thermal", "soc_thermal"};

bool contains_one_of(std::string_view text, std::span<const std::string_view> parts) {
  return std::ranges::any_of(parts, [text](std::string_view part) { return text.contains(part); });
}

// The warmest so far, and where it was read.
struct Warmest {
  std::optional<double> celsius;
  std::string source;

  void take(double other, const std::string& from) {
    if (celsius && *celsius >= other) return;
    celsius = other;
    source = from;
  }
};

Result<double> read_celsius(const HostFiles& files, const std::string& path) {
  TRIBUTARY_ASSIGN(const auto line, files.first_line(path));
  long millidegrees = 0;
  const auto* const end = line.data() + line.size();
  const auto [rest, error] = std::from_chars(line.data(), end, millidegrees);
  if (error != std::errc{} || rest != end) {
    return fail(errc::corrupt, joined({path, ": is no number of millidegrees"}));
  }
  if (millidegrees < kLeastMillidegrees || millidegrees > kMostMillidegrees) {
    return fail(errc::corrupt, joined({path, ": says ", line, ", which no thermometer does"}));
  }
  return static_cast<double>(millidegrees) / 1000;
}

// The zones by the kernel's numbers; those of one type are told apart by their order.
class Zones {
 public:
  Zones(const HostFiles& files, HostReading& to) : files_(files), to_(to) {}

  // The processor's, when one of them is.
  Warmest read() {
    const auto names = files_.list(kZones, "thermal_zone", kZonesMax);
    if (!names || names->empty()) {
      to_.miss({"temperature_"}, {"no thermal zone below ", kZones});
      return {};
    }
    for (const auto& name : *names) read(joined({kZones, "/", name}));
    return processor_.celsius ? processor_ : chip_;
  }

 private:
  void read(const std::string& zone) {
    const auto type = files_.first_line(joined({zone, "/type"}));
    if (!type) return to_.miss({"temperature_"}, {type.error().message()});
    const auto name = joined({"temperature_", unique(name_part(*type)), "_celsius"});
    const auto source = joined({zone, "/temp"});
    const auto celsius = read_celsius(files_, source);
    if (!celsius) return to_.miss({name}, {celsius.error().message()});
    to_.add({name}, *celsius, source);
    if (contains_one_of(*type, kProcessorZones)) {
      processor_.take(*celsius, source);
    } else if (contains_one_of(*type, kChipZones)) {
      chip_.take(*celsius, source);
    }
  }

  std::string unique(const std::string& type) {
    types_.push_back(type);
    const auto count = std::ranges::count(types_, type);
    return count == 1 ? type : joined({type, "_", std::to_string(count)});
  }

  const HostFiles& files_;
  HostReading& to_;
  std::vector<std::string> types_;
  Warmest processor_;
  Warmest chip_;
};

Warmest read_processor_chips(const HostFiles& files, HostReading& to) {
  Warmest warmest;
  const auto chips = files.list(kChips, "hwmon", kChipsMax);
  if (!chips) return warmest;
  for (const auto& chip : *chips) {
    const auto name = files.first_line(joined({kChips, "/", chip, "/name"}));
    if (!name || std::ranges::find(kProcessorChips, *name) == kProcessorChips.end()) continue;
    const auto source = joined({kChips, "/", chip, "/temp1_input"});
    const auto celsius = read_celsius(files, source);
    if (celsius) {
      warmest.take(*celsius, source);
    } else {
      to.miss({kProcessor}, {celsius.error().message()});
    }
  }
  return warmest;
}

}  // namespace

void read_temperatures(const HostFiles& files, HostReading& to) {
  auto warmest = Zones(files, to).read();
  if (!warmest.celsius) warmest = read_processor_chips(files, to);
  if (warmest.celsius) return to.add({kProcessor}, *warmest.celsius, warmest.source);
  to.miss({kProcessor}, {"no thermal zone below ", kZones, " and no chip below ", kChips,
                         " gives the processor's"});
}

}  // namespace tributary::edge
