// Kafka → PostgreSQL: the collector with the role `persist` alone, a process of its own, against a
// bare libpq that brings the same rows in batches of the same size into a table with the same
// indexes, by COPY and INSERT; and the same once more with everything there already. They take
// turns, in one run. Needs a Kafka and a PostgreSQL (tests/support/services.h). Usage:
// bench_persist_postgresql tributary-collector [events] [rounds]

#include <libpq-fe.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "collector/store/postgresql_codec.h"
#include "collector/store/postgresql_store.h"
#include "shared/event/codec.h"
#include "tests/bench/mqtt_load.h"
#include "tests/bench/persist_chain.h"
#include "tests/support/postgresql_database.h"

using namespace tributary;
using namespace tributary::bench;
using namespace tributary::collector;

namespace {

constexpr std::size_t kBatch = 5'000;

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};

const Schema& schema() {
  static const auto schema = *Schema::built_in("clickstream");
  return schema;
}

std::vector<std::string> make_clicks(std::size_t count) {
  auto time = *Timestamp::parse("2026-01-13T10:20:00Z");
  std::vector<std::string> clicks;
  clicks.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    char id[40];
    // Mixed, as random ones are.
    std::snprintf(id, sizeof id, "%08x-9c0b-4ef8-bb6d-%012zx",
                  static_cast<unsigned>(i) * 2'654'435'761U, i);
    time.seconds += i % 100 == 0 ? 1 : 0;
    time.nanoseconds = static_cast<std::int32_t>(i % 1'000) * 1'000'000;
    clicks.push_back(R"({"event_id":")" + std::string(id) + R"(","user_id":)" +
                     std::to_string(i % 1'000) +
                     R"(,"event_type":"checkout","page":"/checkout/success","event_time":")" +
                     time.text() + "\"}");
  }
  return clicks;
}

// What COPY gets for each batch.
std::vector<std::string> make_batches(const std::vector<std::string>& events,
                                      const PostgresqlLayout& layout) {
  const PostgresqlCodec to_rows(schema(), layout);
  Codec codec(schema());
  std::vector<std::string> batches;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (i % kBatch == 0) batches.emplace_back(PostgresqlCodec::begin_of_rows());
    auto event = codec.decode(events[i]);
    require(event.has_value(), "decoding");
    event->origin.source = "http";
    event->origin.schema = schema().id();
    event->origin.received_at = event->time;
    require(!to_rows.encode(*event, static_cast<std::int32_t>(i % kBatch), batches.back()),
            "encoding");
    if ((i + 1) % kBatch == 0 || i + 1 == events.size())
      batches.back() += PostgresqlCodec::end_of_rows();
  }
  return batches;
}

// A database with the table that the collector makes.
std::unique_ptr<PostgresqlDatabase> make_database() {
  auto database = std::make_unique<PostgresqlDatabase>();
  const auto store = *open_postgresql_store({.uri = database->uri()}, schema());
  store->write({});
  return database;
}

class BareLoader {
 public:
  explicit BareLoader(const std::vector<std::string>& events)
      : events_(events.size()), batches_(make_batches(events, layout_)) {}

  Figures load(const PostgresqlDatabase& database) const {
    const std::unique_ptr<PGconn, Finish> connection(PQconnectdb(database.uri().c_str()));
    const auto run = [&](const std::string& sql) {
      const std::unique_ptr<PGresult, Finish> result(PQexec(connection.get(), sql.c_str()));
      require(PQresultStatus(result.get()) != PGRES_FATAL_ERROR, sql.c_str());
    };
    PostgresqlLayout::Found found;
    found.collations.resize(layout_.columns().size());
    for (std::size_t i = 0; i < found.collations.size(); ++i) {
      if (layout_.comparable(layout_.columns()[i].name).ends_with("COLLATE \"C\"")) {
        found.collations[i] = "\"C\"";
      }
    }
    run(layout_.batch_sql(found));
    return measure_events(events_, [&] {
      for (const auto& batch : batches_) {
        run("BEGIN");
        run(layout_.copy_sql());
        PQputCopyData(connection.get(), batch.data(), static_cast<int>(batch.size()));
        PQputCopyEnd(connection.get(), nullptr);
        while (auto* const result = PQgetResult(connection.get())) PQclear(result);
        run(layout_.insert_sql());
        run("COMMIT");
      }
    });
  }

 private:
  const PostgresqlLayout layout_ = *PostgresqlLayout::of(schema(), "events");
  const std::size_t events_;
  const std::vector<std::string> batches_;
};

// The address without its login, which the collector takes from its environment (libpq's): a
// command line is for all to see.
std::string address_of(const PostgresqlDatabase& database) {
  const auto uri = database.uri();
  const auto user = uri.find("://") + 3;
  const auto host = uri.find('@', user) + 1;
  if (host == 0) return uri;
  const auto login = uri.substr(user, host - 1 - user);
  const auto colon = std::min(login.find(':'), login.size());
  setenv("PGUSER", login.substr(0, colon).c_str(), 1);
  setenv("PGPASSWORD", login.substr(std::min(colon + 1, login.size())).c_str(), 1);
  return uri.substr(0, user) + uri.substr(host);
}

}  // namespace

int main(int argc, char** argv) {
  require(argc > 1, "naming the collector's program");
  const std::size_t count = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 300'000;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 3;
  const auto events = make_clicks(count);
  PersistChain chain(argv[1], "clickstream", events);
  const BareLoader loader(events);
  std::vector<Figures> bare;
  std::vector<Figures> persisted;
  std::vector<Figures> replayed_bare;
  std::vector<Figures> replayed;
  for (int round = 0; round < rounds; ++round) {
    const auto loaded = make_database();
    bare.push_back(loader.load(*loaded));
    const auto database = make_database();
    persisted.push_back(chain.persist(address_of(*database)));
    replayed.push_back(chain.persist(address_of(*database)));
    replayed_bare.push_back(loader.load(*loaded));
  }
  report("bare loader, COPY and INSERT", bare, bare);
  report("tributary, Kafka to PostgreSQL", persisted, bare);
  report("bare loader of duplicates", replayed_bare, bare);
  report("tributary, full replay", replayed, bare);
}
