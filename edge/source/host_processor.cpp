#include "edge/source/host_processor.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <string>
#include <utility>

namespace tributary::edge {
namespace {

constexpr std::string_view kStat = "/proc/stat";
constexpr std::string_view kUptime = "/proc/uptime";
constexpr std::string_view kLoad = "/proc/loadavg";
constexpr std::string_view kMemory = "/proc/meminfo";
constexpr double kKibibyte = 1024;

enum Time : std::size_t { user, nice, system, idle, iowait, irq, softirq, steal };

constexpr std::string_view kNotUnderstood = ": isn't written as proc(5) says";

// The decimal number at the front of `text` (0.42), of which the kernel writes no other form.
std::optional<double> take_decimal(std::string_view& text) {
  const std::string word(take_word(text));
  if (word.empty() || word.find_first_not_of("0123456789.") != std::string::npos) return {};
  char* end = nullptr;
  const double number = std::strtod(word.c_str(), &end);
  if (end != word.c_str() + word.size() || !std::isfinite(number)) return {};
  return number;
}

struct Memory {
  std::optional<double> total;
  std::optional<double> available;
  std::optional<double> swap_total;
  std::optional<double> swap_free;
};

void take_memory(std::string_view line, Memory& to) {
  const auto name = take_word(line);
  auto* const into = name == "MemTotal:"       ? &to.total
                     : name == "MemAvailable:" ? &to.available
                     : name == "SwapTotal:"    ? &to.swap_total
                     : name == "SwapFree:"     ? &to.swap_free
                                               : nullptr;
  std::uint64_t kibibytes = 0;
  if (into == nullptr || !take_count(line, kibibytes) || take_word(line) != "kB") return;
  *into = static_cast<double>(kibibytes) * kKibibyte;
}

void add_memory(const Memory& memory, HostReading& to) {
  const auto add = [&to](const char* name, const std::optional<double>& bytes, const char* line) {
    if (bytes) return to.add({name}, *bytes, kMemory);
    to.miss({name}, {kMemory, " has no ", line});
  };
  add("memory_total_bytes", memory.total, "MemTotal");
  add("memory_available_bytes", memory.available, "MemAvailable: Linux has it from 3.14 on");
  if (memory.total && memory.available && *memory.total > 0) {
    const auto used = std::max(0.0, *memory.total - *memory.available);
    to.add({"memory_used_percent"}, 100 * used / *memory.total, kMemory);
  }
  if (memory.swap_total == 0.0) return to.miss({"swap_"}, {"this machine has no swap"});
  add("swap_total_bytes", memory.swap_total, "SwapTotal");
  add("swap_free_bytes", memory.swap_free, "SwapFree");
}

}  // namespace

void ProcessorUsage::read(const HostFiles& files, HostReading& to) {
  const auto before = std::exchange(last_, times(files, to));
  if (!last_) return;
  if (!before)
    return to.miss({"cpu_"}, {"is the difference between two readings: from the second on"});
  compare(*before, *last_, to);
}

std::optional<ProcessorUsage::Times> ProcessorUsage::times(const HostFiles& files,
                                                           HostReading& to) {
  const auto read = files.first_line(kStat);
  if (!read) {
    to.miss({"cpu_"}, {read.error().message()});
    return std::nullopt;
  }
  std::string_view line = *read;
  Times times{};
  bool good = take_word(line) == "cpu";
  // Linux before 2.6.11 has no steal; no file ends before that.
  for (auto& time : times) good = good && take_count(line, time);
  if (good) return times;
  to.miss({"cpu_"}, {kStat, kNotUnderstood});
  return std::nullopt;
}

void ProcessorUsage::compare(const Times& before, const Times& now, HostReading& to) {
  std::array<double, kTimes> spent{};
  for (std::size_t i = 0; i < kTimes; ++i) {
    // The kernel's sums of idle and iowait may go back a little (proc(5)); no other one does.
    if (now.at(i) < before.at(i) && i != idle && i != iowait) {
      return to.miss({"cpu_"}, {"its counters began anew since the last reading"});
    }
    spent.at(i) = now.at(i) < before.at(i) ? 0 : static_cast<double>(now.at(i) - before.at(i));
  }
  const auto total = std::accumulate(spent.begin(), spent.end(), 0.0);
  if (total <= 0) return to.miss({"cpu_"}, {"no tick has passed since the last reading"});
  const auto add = [&](const char* name, double ticks) {
    to.add({name}, 100 * ticks / total, kStat);
  };
  add("cpu_usage_percent", total - spent[idle] - spent[iowait]);
  add("cpu_user_percent", spent[user] + spent[nice]);
  add("cpu_system_percent", spent[system] + spent[irq] + spent[softirq]);
  add("cpu_iowait_percent", spent[iowait]);
  add("cpu_steal_percent", spent[steal]);
}

void read_uptime(const HostFiles& files, HostReading& to) {
  const auto line = files.first_line(kUptime);
  if (!line) return to.miss({"uptime_seconds"}, {line.error().message()});
  std::string_view text = *line;
  if (const auto seconds = take_decimal(text)) return to.add({"uptime_seconds"}, *seconds, kUptime);
  to.miss({"uptime_seconds"}, {kUptime, kNotUnderstood});
}

void read_load(const HostFiles& files, HostReading& to) {
  const auto line = files.first_line(kLoad);
  if (!line) return to.miss({"load_"}, {line.error().message()});
  std::string_view text = *line;
  for (const auto* name : {"load_1m", "load_5m", "load_15m"}) {
    const auto load = take_decimal(text);
    if (!load) return to.miss({name}, {kLoad, kNotUnderstood});
    to.add({name}, *load, kLoad);
  }
}

void read_memory(const HostFiles& files, HostReading& to) {
  auto lines = files.open(kMemory);
  if (!lines) return to.miss({"memory_"}, {lines.error().message()});
  Memory memory;
  std::string_view line;
  while (true) {
    const auto more = lines->next(line);
    if (!more) return to.miss({"memory_"}, {more.error().message()});
    if (!*more) break;
    take_memory(line, memory);
  }
  add_memory(memory, to);
}

}  // namespace tributary::edge
