// Kafka → MongoDB: the collector with the role `persist` alone, a process of its own, against a
// bare mongo-c-driver that inserts the same documents into a collection with the same indexes, with
// the same write concern; and the same once more with everything there already. They take turns, in
// one run. Needs a Kafka and a MongoDB (tests/support/services.h). Usage: bench_persist
// tributary-collector [events] [rounds]

#include <fcntl.h>
#include <mongoc/mongoc.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "collector/store/mongodb_bson.h"
#include "collector/store/mongodb_codec.h"
#include "collector/store/mongodb_store.h"
#include "collector/stream/kafka_stream.h"
#include "shared/base/id.h"
#include "shared/event/codec.h"
#include "tests/bench/mqtt_load.h"
#include "tests/support/services.h"

using namespace tributary;
using namespace tributary::bench;
using namespace tributary::collector;
using namespace std::chrono_literals;

namespace {

constexpr auto kTimeMax = 300s;
constexpr std::size_t kBulk = 1000;
constexpr std::size_t kInFlightMax = 2;

using Clock = std::chrono::steady_clock;
using Document = std::unique_ptr<Bson>;

struct Figures {
  double events_per_second = 0;
  double cpu_per_100k = 0;
  double peak_mib = 0;
};

// VmHWM. What wait4 tells begins with the memory of this process, from before the exec.
double peak_memory_kib(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  std::string word;
  double kib = 0;
  while (status >> word && word != "VmHWM:") continue;
  status >> kib;
  return kib;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<Document> make_documents(const std::vector<std::string>& events) {
  const auto schema = *Schema::built_in("telemetry");
  const MongodbCodec to_bson(schema);
  Codec codec(schema);
  std::vector<Document> documents;
  documents.reserve(events.size());
  for (const auto& text : events) {
    auto event = codec.decode(text);
    require(event.has_value(), "decoding");
    event->origin.source = "http";
    event->origin.schema = schema.id();
    event->origin.received_at = event->time;
    bson_oid_t id;
    bson_oid_init(&id, nullptr);
    documents.push_back(std::make_unique<Bson>());
    require(!to_bson.encode(*event, id, documents.back()->get()), "encoding");
  }
  return documents;
}

// Another document with the same event: as a loader that starts again would make it.
void renew_ids(std::vector<Document>& documents) {
  for (auto& document : documents) {
    auto renewed = std::make_unique<Bson>();
    bson_oid_t id;
    bson_oid_init(&id, nullptr);
    BSON_APPEND_OID(renewed->get(), "_id", &id);
    bson_copy_to_excluding_noinit(document->get(), renewed->get(), "_id", nullptr);
    document = std::move(renewed);
  }
}

// Inserts documents in bulks, `lanes` of them in flight.
Figures insert_bare(const std::string& uri, const std::string& database,
                    const std::vector<Document>& documents, std::size_t count, std::size_t lanes) {
  std::atomic<std::size_t> next = 0;
  const auto cost = measure([&] {
    std::vector<std::jthread> threads;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      threads.emplace_back([&] {
        auto* client = mongoc_client_new((uri + "/?w=majority&journal=true").c_str());
        auto* collection = mongoc_client_get_collection(client, database.c_str(), "events");
        Bson options;
        BSON_APPEND_BOOL(options.get(), "ordered", false);
        while (true) {
          const auto first = next.fetch_add(kBulk);
          if (first >= count) break;
          const bson_t* bulk[kBulk] = {};
          const auto size = std::min(kBulk, count - first);
          for (std::size_t i = 0; i < size; ++i) bulk[i] = documents[first + i]->get();
          mongoc_collection_insert_many(collection, bulk, size, options.get(), nullptr, nullptr);
        }
        mongoc_collection_destroy(collection);
        mongoc_client_destroy(client);
      });
    }
  });
  const auto events = static_cast<double>(count);
  return {.events_per_second = events / cost.seconds,
          .cpu_per_100k = cost.cpu_seconds * 100'000 / events};
}

// The collection with the indexes that the collector makes.
void make_collection(const std::string& uri, const std::string& database) {
  auto store = *open_mongodb_store({.uri = uri + "/" + database}, *Schema::built_in("telemetry"));
  const auto deadline = Clock::now() + 30s;
  do {
    require(Clock::now() < deadline, "making the indexes");
    store->write({});
  } while (!store->health().up);
}

void drop_database(const std::string& uri, const std::string& name) {
  auto* client = mongoc_client_new(uri.c_str());
  auto* database = mongoc_client_get_database(client, name.c_str());
  mongoc_database_drop(database, nullptr);
  mongoc_database_destroy(database);
  mongoc_client_destroy(client);
}

class Bench {
 public:
  Bench(std::string program, std::size_t events)
      : program_(std::move(program)), payloads_(make_payloads(events, 1, 0)) {
    for (auto& payload : payloads_) payload.pop_back();  // the end of the line
    // Over several sensors, so that all partitions have some.
    for (std::size_t i = 0; i < payloads_.size(); ++i) {
      const auto name = payloads_[i].find("sensor_0");
      payloads_[i].replace(name, 8, "sensor_" + std::to_string(i % 50));
    }
    produce();
    documents_ = make_documents(payloads_);
  }
  ~Bench() {
    for (const auto& database : databases_) drop_database(mongodb_, database);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  std::string make_database() {
    databases_.push_back("bench_" + Id::random().text().substr(0, 8));
    make_collection(mongodb_, databases_.back());
    return databases_.back();
  }

  Figures load_bare(const std::string& database, std::size_t lanes) {
    renew_ids(documents_);
    return insert_bare(mongodb_, database, documents_, documents_.size(), lanes);
  }
  Figures replay_bare(const std::string& database, std::size_t lanes) {
    renew_ids(documents_);
    return insert_bare(mongodb_, database, documents_, documents_.size() / 5, lanes);
  }

  // Everything in the topic, by a group that begins with it, into that database.
  Figures persist(const std::string& database) {
    const auto group = "bench-" + Id::random().text().substr(0, 8);
    const auto watch = open_stream(group);
    const auto process = start_collector(group, database);
    const auto deadline = Clock::now() + kTimeMax;
    std::optional<Clock::time_point> begun;
    std::uint64_t before = 0;
    for (;; std::this_thread::sleep_for(20ms)) {
      require(Clock::now() < deadline, "persisting in time");
      const auto account = watch->account();
      if (account && account->totals.settled() > 0) {
        if (!begun) {
          begun = Clock::now();
          before = account->totals.settled();
        }
        if (account->lag == 0) break;
      }
    }
    const auto seconds = seconds_since(*begun);
    const auto peak_kib = peak_memory_kib(process);
    const auto usage = end(process);
    const auto cpu = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    const auto events = static_cast<double>(payloads_.size());
    return {.events_per_second = (events - static_cast<double>(before)) / seconds,
            .cpu_per_100k = (cpu(usage.ru_utime) + cpu(usage.ru_stime)) * 100'000 / events,
            .peak_mib = peak_kib / 1024};
  }

 private:
  std::unique_ptr<Stream> open_stream(const std::string& group) {
    KafkaStreamOptions options{
        .cluster = {.brokers = kafka_}, .pipeline = "telemetry", .topic = topic_, .group = group};
    return *open_kafka_stream(std::move(options), clock_, metrics_);
  }

  // As ingest does it.
  void produce() {
    const auto stream = open_stream("producing");
    const auto producer = stream->make_producer();
    const auto schema = *Schema::built_in("telemetry");
    Envelope envelope;
    envelope.received_at = clock_.now();
    envelope.pipeline = "telemetry";
    envelope.schema = schema.id();
    envelope.source = "http";
    std::size_t durable = 0;
    const auto deadline = Clock::now() + kTimeMax;
    for (std::size_t next = 0; durable < payloads_.size();) {
      require(Clock::now() < deadline, "producing in time");
      while (next < payloads_.size()) {
        envelope.event = payloads_[next];
        const auto key = "sensor_" + std::to_string(next % 50);
        if (!producer->append({.envelope = envelope, .partition_key = key, .token = next})) break;
        ++next;
      }
      for (const auto& delivery : producer->poll(100ms)) {
        require(!delivery.error, "producing");
        ++durable;
      }
    }
  }

  pid_t start_collector(const std::string& group, const std::string& database) {
    const std::string pipeline = "pipeline=[{name = \"telemetry\", stream = \"kafka://" + kafka_ +
                                 "\", topic = \"" + topic_ + "\", group = \"" + group +
                                 "\", store = \"" + mongodb_ + "/" + database + "\"}]";
    std::vector<std::string> words{program_, "run",    "--set", "roles=[\"persist\"]",
                                   "--set",  pipeline, "--set", "http.listen=[\"127.0.0.1:0\"]"};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "bench_persist.log",
                                     O_WRONLY | O_CREAT | O_TRUNC, 0644);
    pid_t process = -1;
    require(
        posix_spawn(&process, program_.c_str(), &actions, nullptr, arguments.data(), environ) == 0,
        "starting the collector");
    posix_spawn_file_actions_destroy(&actions);
    return process;
  }

  static rusage end(pid_t process) {
    kill(process, SIGTERM);
    int status = 0;
    rusage usage{};
    require(wait4(process, &status, 0, &usage) == process, "waiting for the collector");
    require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the collector's end");
    return usage;
  }

  const std::string program_;
  const std::string kafka_ = kafka_address();
  const std::string mongodb_ = mongodb_address();
  const std::string topic_ = "bench-" + Id::random().text().substr(0, 8);
  SystemClock clock_;
  Metrics metrics_;
  std::vector<std::string> payloads_;
  std::vector<Document> documents_;
  std::vector<std::string> databases_;
};

void report(const char* name, const std::vector<Figures>& figures,
            const std::vector<Figures>& bare) {
  std::vector<double> ratios;
  std::vector<double> rates;
  std::vector<double> cpu;
  std::vector<double> peak;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    ratios.push_back(figures[i].events_per_second / bare[i].events_per_second);
    rates.push_back(figures[i].events_per_second);
    cpu.push_back(figures[i].cpu_per_100k);
    peak.push_back(figures[i].peak_mib);
  }
  std::printf("%-40s ratio %5.2f   %9.0f events/s   %6.3f CPU s per 100,000 events", name,
              median(ratios), median(rates), median(cpu));
  if (median(peak) > 0) std::printf("   %.0f MiB at most", median(peak));
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  require(argc > 1, "naming the collector's program");
  const std::size_t events = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 300'000;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 3;
  mongoc_init();
  Bench bench(argv[1], events);
  std::vector<Figures> one;
  std::vector<Figures> two;
  std::vector<Figures> persisted;
  std::vector<Figures> replayed_one;
  std::vector<Figures> replayed_two;
  std::vector<Figures> replayed;
  for (int round = 0; round < rounds; ++round) {
    one.push_back(bench.load_bare(bench.make_database(), 1));
    two.push_back(bench.load_bare(bench.make_database(), kInFlightMax));
    const auto database = bench.make_database();
    persisted.push_back(bench.persist(database));
    replayed.push_back(bench.persist(database));
    replayed_one.push_back(bench.replay_bare(database, 1));
    replayed_two.push_back(bench.replay_bare(database, kInFlightMax));
  }
  report("bare loader, one bulk in flight", one, one);
  report("bare loader, two bulks in flight", two, one);
  report("tributary, Kafka to MongoDB", persisted, one);
  report("  against two bulks in flight", persisted, two);
  report("bare insert of duplicates, one in flight", replayed_one, replayed_one);
  report("bare insert of duplicates, two in flight", replayed_two, replayed_one);
  report("tributary, full replay", replayed, replayed_one);
}
