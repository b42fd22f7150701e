#include "collector/store/postgresql_readers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "collector/store/place_range.h"
#include "collector/store/postgresql_aggregate.h"
#include "collector/store/postgresql_page.h"
#include "collector/store/postgresql_plan.h"
#include "collector/store/postgresql_read.h"
#include "collector/store/postgresql_series.h"
#include "collector/store/series_id.h"
#include "shared/event/key.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kConnectionsMax = 8;
constexpr auto kLookTime = 3s;

}  // namespace

PostgresqlReaders::PostgresqlReaders(const PostgresqlTarget& target, const PostgresqlCodec& codec,
                                     Limits limits)
    : target_(target), codec_(codec), limits_(limits) {}

template <class Answer, class Ask>
Result<Answer> PostgresqlReaders::read(const Ask& ask) {
  // A second time when a connection broke while it was idle.
  for (const bool again : {false, true}) {
    TRIBUTARY_ASSIGN(auto connection, acquire());
    Result<Answer> answer = ask(connection);
    const bool broke = !connection.usable();
    give_back(std::move(connection));
    if (!answer && answer.error() == errc::not_found) return Answer{};
    if (answer || again || !broke || answer.error() != errc::unavailable) return answer;
  }
  return Answer{};
}

Result<Page> PostgresqlReaders::query(const Query& query) {
  const auto& schema = codec_.schema();
  const auto range = PlaceRange::of(query, schema);
  std::optional<nlohmann::json> after;
  if (query.after) {
    after = decode_key(schema, query.after->key);
    const auto has_place = [&](const std::string& field) {
      const auto& column = *codec_.layout().column(field);
      return field == schema.time() || PostgresqlCodec::parameter(column, after->at(field));
    };
    const bool possible = after && std::ranges::all_of(schema.key(), has_place);
    if (!possible) return fail(errc::invalid_argument, "the cursor is of events of another kind");
  }
  TRIBUTARY_ASSIGN(const auto plan, PostgresqlPlan::of(query.filters, codec_));
  if (range.empty() || plan.impossible()) return Page{};
  return read<Page>([&](PostgresqlConnection& connection) {
    return read_page(PostgresqlRead(target_, codec_, connection, limits_.query_time), query, plan,
                     range, after);
  });
}

Result<Buckets> PostgresqlReaders::aggregate(const AggregateQuery& query) {
  TRIBUTARY_ASSIGN(const auto plan, PostgresqlPlan::of(query.filters, codec_));
  if (plan.impossible()) return Buckets{};
  return read<Buckets>([&](PostgresqlConnection& connection) {
    return read_buckets(PostgresqlRead(target_, codec_, connection, limits_.query_time), query,
                        plan);
  });
}

Result<SeriesPage> PostgresqlReaders::series(const SeriesQuery& query) {
  const auto& schema = codec_.schema();
  if (schema.series().empty() || schema.series() == schema.time()) {
    return fail(errc::unsupported, "the schema " + schema.name() +
                                       " has no series: x-tributary names none, or the time");
  }
  std::optional<nlohmann::json> after;
  if (query.after) {
    TRIBUTARY_ASSIGN(after, parse_series_id(*query.after, schema));
  }
  return read<SeriesPage>([&](PostgresqlConnection& connection) {
    return read_series(PostgresqlRead(target_, codec_, connection, limits_.query_time), query,
                       after);
  });
}

Result<void> PostgresqlReaders::look() {
  struct Nothing {};
  TRIBUTARY_TRY(read<Nothing>([&](PostgresqlConnection& connection) -> Result<Nothing> {
    connection.set_deadline(std::chrono::steady_clock::now() + kLookTime);
    const auto answer = connection.query("SELECT 1", {});
    if (!answer) return std::unexpected(target_.error("look at the server", answer.error()));
    return Nothing{};
  }));
  return {};
}

Result<PostgresqlConnection> PostgresqlReaders::acquire() {
  {
    MutexLock lock(mutex_);
    const bool free = given_back_.wait_for(
        lock, limits_.connection_wait,
        [this]() TRIBUTARY_REQUIRES(mutex_) { return in_use_ < kConnectionsMax; });
    if (!free) {
      return fail(errc::unavailable,
                  "PostgreSQL " + target_.where + ": all " + std::to_string(kConnectionsMax) +
                      " connections are busy with other queries: try again later");
    }
    ++in_use_;
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  auto connection = connect();
  if (!connection) {
    const MutexLock lock(mutex_);
    --in_use_;
    given_back_.notify_one();
  }
  return connection;
}

// With what makes every plan one that goes along an index: the statistics of a table that has just
// been filled would say anything.
Result<PostgresqlConnection> PostgresqlReaders::connect() const {
  auto connection = PostgresqlConnection::open(target_);
  if (!connection) return std::unexpected(target_.error("connect", connection.error()));
  connection->set_deadline(std::chrono::steady_clock::now() + kLookTime);
  const auto set = connection->execute(
      "SET statement_timeout = " + std::to_string(limits_.query_time.count()) +
      "; SET default_transaction_read_only = on; SET client_min_messages = warning; SET jit = off"
      "; SET max_parallel_workers_per_gather = 0; SET enable_seqscan = off"
      "; SET enable_bitmapscan = off; SET enable_sort = off");
  if (!set) return std::unexpected(target_.error("connect", set.error()));
  return std::move(*connection);
}

void PostgresqlReaders::give_back(PostgresqlConnection connection) {
  const MutexLock lock(mutex_);
  --in_use_;
  if (connection.usable()) {
    idle_.push_back(std::move(connection));
  } else {
    idle_.clear();  // what broke one broke them all, or they are made again
  }
  given_back_.notify_one();
}

}  // namespace tributary::collector
