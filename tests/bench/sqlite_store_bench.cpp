// The SQLite store through its interface: what writing costs, batch by batch, and how long it takes
// to aggregate and to list series over what was written. Usage: bench_sqlite_store DIRECTORY
// [events]; the directory is made, and what it makes there is removed.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collector/store/sqlite_store.h"
#include "shared/event/codec.h"

using namespace tributary;
using namespace tributary::collector;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 1'000;
const auto kFirst = *Timestamp::parse("2026-01-01T00:00:00Z");

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Event `i` of so many sensors that each give a reading every `step`.
Event event_of(Codec& codec, std::size_t i, std::size_t sensors, std::chrono::seconds step) {
  auto time = kFirst;
  time.seconds += static_cast<std::int64_t>(i / sensors) * step.count();
  const auto number = [i](std::size_t range) {
    return std::to_string(i * 7'919 % range) + "." + std::to_string(i % 10);
  };
  char sensor[32];
  std::snprintf(sensor, sizeof sensor, "sensor_%05zu", i % sensors);
  auto event = codec.decode(R"({"sensor_id":")" + std::string(sensor) + R"(","timestamp":")" +
                            time.text() + R"(","temperature":)" + number(40) + R"(,"humidity":)" +
                            number(90) + R"(,"location":{"latitude":12.97,"longitude":77.59}})");
  require(event.has_value(), "decoding");
  return std::move(*event);
}

std::unique_ptr<Store> open(const std::filesystem::path& file) {
  auto store = open_sqlite_store({.file = file}, *Schema::built_in("telemetry"));
  require(store.has_value(), "opening the store");
  return std::move(*store);
}

void write(Store& store, std::size_t events, std::size_t sensors, std::chrono::seconds step) {
  Codec codec(*Schema::built_in("telemetry"));
  double cpu = 0;
  double seconds = 0;
  for (std::size_t done = 0; done < events; done += kBatch) {
    std::vector<Event> batch;
    for (std::size_t i = 0; i < kBatch; ++i) {
      batch.push_back(event_of(codec, done + i, sensors, step));
    }
    const auto cpu_before = cpu_seconds();
    const auto before = Clock::now();
    const auto outcomes = store.write(batch);
    seconds += std::chrono::duration<double>(Clock::now() - before).count();
    cpu += cpu_seconds() - cpu_before;
    require(outcomes.back().verdict == Outcome::Verdict::stored, "storing");
  }
  const auto in_100k = static_cast<double>(events) / 1e5;
  std::printf("%5zu sensors, each every %2lld s: write %6.3f CPU s, %6.3f s per 100,000 events\n",
              sensors, static_cast<long long>(step.count()), cpu / in_100k, seconds / in_100k);
}

// The best of three, in milliseconds.
void measure(const char* name, const std::function<std::size_t()>& read) {
  double best = 1e9;
  std::size_t rows = 0;
  for (int round = 0; round < 3; ++round) {
    const auto before = Clock::now();
    rows = read();
    best = std::min(best, std::chrono::duration<double, std::milli>(Clock::now() - before).count());
  }
  std::printf("    %-44s %9.2f ms   %zu\n", name, best, rows);
}

void aggregate(Store& store, const char* name, const AggregateQuery& query) {
  measure(name, [&] {
    const auto answer = store.aggregate(query);
    require(answer.has_value(), name);
    return answer->buckets.size();
  });
}

void read(Store& store) {
  const std::vector<FieldPath> fields{{"temperature"}, {"location", "latitude"}};
  const Filter one{.field = "sensor_id", .value = "sensor_00003"};
  constexpr std::size_t kAll = 1'000'000;
  auto day_end = kFirst;
  day_end.seconds += 86'400;
  aggregate(store, "all, whole range, 1 h", {.bucket = 1h, .fields = fields, .limit = kAll});
  aggregate(store, "all, whole range, 1 d", {.bucket = 24h, .fields = fields, .limit = kAll});
  aggregate(store, "all, whole range, 30 min", {.bucket = 30min, .fields = fields, .limit = kAll});
  aggregate(store, "all, whole range, 5 min, 1,000 buckets",
            {.bucket = 5min, .fields = fields, .limit = 1'000});
  aggregate(store, "one, whole range, 1 h",
            {.filters = {one}, .bucket = 1h, .fields = fields, .limit = kAll});
  aggregate(store, "one, whole range, 30 min",
            {.filters = {one}, .bucket = 30min, .fields = fields, .limit = kAll});
  aggregate(store, "one, a day, 5 min",
            {.filters = {one}, .start = kFirst, .end = day_end, .bucket = 5min, .fields = fields});
  measure("100 series", [&] {
    const auto page = store.series({.limit = 100, .after = "\"sensor_00001\""});
    require(page.has_value(), "listing series");
    return page->series.size();
  });
}

}  // namespace

int main(int argc, char** argv) {
  require(argc > 1, "naming a directory");
  const std::filesystem::path directory(argv[1]);
  const std::size_t events = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 3'000'000;
  struct Case {
    std::size_t sensors;
    std::chrono::seconds step;
  };
  for (const auto& [sensors, step] : {Case{10, 1s}, Case{10, 60s}, Case{10'000, 60s}}) {
    std::filesystem::remove_all(directory);
    {
      const auto store = open(directory / "events.db");
      write(*store, events, sensors, step);
      read(*store);
    }
    std::filesystem::remove_all(directory);
  }
}
