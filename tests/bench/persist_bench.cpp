// Kafka → MongoDB: the collector with the role `persist` alone, a process of its own, against a
// bare mongo-c-driver that inserts the same documents into a collection with the same indexes, with
// the same write concern; and the same once more with everything there already. They take turns, in
// one run. Needs a Kafka and a MongoDB (tests/support/services.h). Usage: bench_persist
// tributary-collector [events] [rounds]

#include <mongoc/mongoc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "collector/store/mongodb_bson.h"
#include "collector/store/mongodb_codec.h"
#include "collector/store/mongodb_store.h"
#include "shared/base/id.h"
#include "shared/event/codec.h"
#include "tests/bench/mqtt_load.h"
#include "tests/bench/persist_chain.h"
#include "tests/support/services.h"

using namespace tributary;
using namespace tributary::bench;
using namespace tributary::collector;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kBulk = 1000;
constexpr std::size_t kInFlightMax = 2;

using Clock = std::chrono::steady_clock;
using Document = std::unique_ptr<Bson>;

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
  return measure_events(count, [&] {
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
  Bench(std::string program, const std::vector<std::string>& events)
      : chain_(std::move(program), "telemetry", events), documents_(make_documents(events)) {}
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
  Figures persist(const std::string& database) { return chain_.persist(mongodb_ + "/" + database); }

 private:
  const std::string mongodb_ = mongodb_address();
  PersistChain chain_;
  std::vector<Document> documents_;
  std::vector<std::string> databases_;
};

// Over several sensors, so that all partitions have some.
std::vector<std::string> make_events(std::size_t count) {
  auto events = make_payloads(count, 1, 0);
  for (std::size_t i = 0; i < events.size(); ++i) {
    events[i].pop_back();  // the end of the line
    events[i].replace(events[i].find("sensor_0"), 8, "sensor_" + std::to_string(i % 50));
  }
  return events;
}

}  // namespace

int main(int argc, char** argv) {
  require(argc > 1, "naming the collector's program");
  const std::size_t events = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 300'000;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 3;
  mongoc_init();
  Bench bench(argv[1], make_events(events));
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
