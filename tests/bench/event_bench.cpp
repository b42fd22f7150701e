// bench_event [seconds]: what it costs to make an event of its bytes, against a bare
// nlohmann::json::parse of the same bytes. All ways take turns in short slices, so that whatever
// else the machine does falls on each alike. CPU time of this thread.

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "shared/event/codec.h"

namespace {

constexpr std::size_t kEvents = 2'000;  // one slice
constexpr double kSecondsByDefault = 4;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::vector<std::string> telemetry() {
  std::vector<std::string> events;
  for (std::size_t i = 0; i < kEvents; ++i) {
    std::array<char, 256> text{};
    const auto size = std::snprintf(
        text.data(), text.size(),
        R"({"sensor_id":"sensor_%zu","timestamp":"2026-01-21T10:%02zu:%02zu.%03zuZ","temperature":%.2f,)"
        R"("humidity":%.2f,"location":{"latitude":12.97,"longitude":77.59}})",
        i % 100, i / 60 % 60, i % 60, i % 1000, 20 + 0.01 * static_cast<double>(i % 1000),
        40 + 0.03 * static_cast<double>(i % 1000));
    events.emplace_back(text.data(), static_cast<std::size_t>(size));
  }
  return events;
}

struct Way {
  const char* name;
  std::function<bool(std::string_view)> run;
  double seconds = 0;
  std::size_t events = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : kSecondsByDefault;
  tributary::Codec codec(*tributary::Schema::built_in("telemetry"));
  std::array<Way, 4> ways{{
      {"nlohmann::json::parse",
       [](std::string_view text) { return nlohmann::json::parse(text).is_object(); }},
      {"decode", [&](std::string_view text) { return codec.decode(text).has_value(); }},
      {"decode_validated",
       [&](std::string_view text) { return codec.decode_validated(text).has_value(); }},
      {"validate", [&](std::string_view text) { return codec.validate(text).has_value(); }},
  }};

  const auto events = telemetry();
  double used = 0;
  for (bool warm = false; used < seconds; warm = true) {
    for (auto& way : ways) {
      const double start = cpu_seconds();
      for (const auto& event : events) {
        if (way.run(event)) continue;
        std::fprintf(stderr, "%s refused %s\n", way.name, event.c_str());
        return 1;
      }
      if (!warm) continue;
      const double slice = cpu_seconds() - start;
      way.seconds += slice;
      way.events += events.size();
      used += slice;
    }
  }

  std::printf("%-24s %8s %12s %26s\n", "", "ratio", "events/s", "CPU s per 100,000 events");
  const auto each = [](const Way& way) { return way.seconds / static_cast<double>(way.events); };
  for (const auto& way : ways) {
    std::printf("%-24s %8.2f %12.0f %26.3f\n", way.name, each(way) / each(ways[0]), 1 / each(way),
                100'000 * each(way));
  }
  return 0;
}
