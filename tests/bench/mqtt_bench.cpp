// MQTT drain: the collector's ingest into the durable embedded stream, against a bare libmosquitto
// subscriber that only counts. Both drain what the broker has queued for their session; they take
// turns, in one run. Usage: bench_mqtt [events] [rounds] [directory]

#include <mosquitto.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "collector/ingest/mqtt_ingest.h"
#include "collector/stream/embedded_stream.h"
#include "tests/bench/mqtt_load.h"
#include "tests/support/mosquitto.h"

using namespace tributary;
using namespace tributary::bench;
using namespace tributary::collector;
using namespace std::chrono_literals;

namespace {

constexpr auto kDrainTimeMax = 60s;

Cost drain_tributary(const Mosquitto& broker, const std::string& id, std::size_t events,
                     const std::filesystem::path& directory) {
  Pipeline pipeline{
      .config = {.name = "telemetry",
                 .schema = *Schema::built_in("telemetry"),
                 .topic = {},
                 .group = {},
                 .table = {}},
      .stream = *open_embedded_stream(
          posix_file_system(), {.directory = directory, .topic = "sensor-events", .group = "g"}),
      .store = nullptr};
  const auto unrouted = *open_embedded_stream(
      posix_file_system(), {.directory = directory, .topic = "tributary", .group = "none"});
  std::vector<Pipeline*> pipelines{&pipeline};
  const SystemClock clock;
  Metrics metrics;
  const auto cost = measure([&] {
    const auto ingest =
        *MqttIngest::start(ingest_config(broker.url(), id), pipelines, *unrouted, clock, metrics);
    const auto end = std::chrono::steady_clock::now() + kDrainTimeMax;
    while (pipeline.stream->account()->records < events) {
      require(std::chrono::steady_clock::now() < end, "draining in a minute");
      std::this_thread::sleep_for(1ms);
    }
  });
  std::filesystem::remove_all(directory);
  return cost;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t events = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 50'000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  const std::filesystem::path directory = argc > 3 ? argv[3] : "bench_mqtt_data";
  mosquitto_lib_init();
  const Mosquitto broker({"max_inflight_messages 0"});

  std::vector<Cost> bare;
  std::vector<Cost> single;
  std::vector<Cost> batched;
  for (int round = 0; round < rounds; ++round) {
    const auto suffix = std::to_string(round);
    make_session(broker.port(), "bare" + suffix);
    make_session(broker.port(), "single" + suffix);
    BareClient(broker.port(), "publisher" + suffix).publish_all(make_payloads(events, 1, round));
    bare.push_back(drain_bare(broker.port(), "bare" + suffix, events));
    single.push_back(drain_tributary(broker, "single" + suffix, events, directory));

    make_session(broker.port(), "batched" + suffix);
    BareClient(broker.port(), "batches" + suffix)
        .publish_all(make_payloads(events, kLinesInBatch, round));
    batched.push_back(drain_tributary(broker, "batched" + suffix, events, directory));
  }
  report("bare subscriber, one event a message", bare, events, bare);
  report("tributary, one event a message, durable", single, events, bare);
  report("tributary, NDJSON batches, durable", batched, events, bare);
  mosquitto_lib_cleanup();
}
