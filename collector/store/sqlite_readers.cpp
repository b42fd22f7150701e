#include "collector/store/sqlite_readers.h"

#include <sqlite3.h>

#include "collector/store/page_builder.h"
#include "collector/store/sqlite_aggregate.h"
#include "collector/store/sqlite_plan.h"
#include "collector/store/sqlite_series.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kConnectionsMax = 4;

}  // namespace

SqliteReaders::SqliteReaders(std::filesystem::path file, const SqliteLayout& layout,
                             const Schema& schema, Limits limits)
    : file_(std::move(file)), layout_(layout), schema_(schema), limits_(limits) {}

SqliteReaders::~SqliteReaders() = default;

template <class Read>
auto SqliteReaders::with_reader(Read read) -> decltype(read(std::declval<SqliteReader&>())) {
  TRIBUTARY_ASSIGN(auto reader, acquire());
  auto answer = read(*reader);
  // What failed is not used again.
  if (!answer && answer.error() != errc::timed_out) reader.reset();
  give_back(std::move(reader));
  return answer;
}

Result<Page> SqliteReaders::query(const Query& query) {
  TRIBUTARY_ASSIGN(auto plan, SqlitePlan::of(query, layout_, schema_));
  return with_reader(
      [&](SqliteReader& reader) { return read_page(reader, query, std::move(plan)); });
}

Result<Buckets> SqliteReaders::aggregate(const AggregateQuery& query) {
  TRIBUTARY_ASSIGN(auto aggregation, SqliteAggregation::of(query, layout_, schema_));
  return with_reader([&](SqliteReader& reader) {
    return aggregation.read(reader, SqlitePace(limits_.query_time));
  });
}

Result<SeriesPage> SqliteReaders::series(const SeriesQuery& query) {
  TRIBUTARY_ASSIGN(auto scan, SqliteSeriesScan::of(query, layout_, schema_));
  return with_reader(
      [&](SqliteReader& reader) { return scan.read(reader, SqlitePace(limits_.query_time)); });
}

void SqliteReaders::use(std::optional<FileIdentity> file) {
  const MutexLock lock(mutex_);
  idle_.clear();
  identity_ = file;
}

void SqliteReaders::close_idle() {
  const MutexLock lock(mutex_);
  idle_.clear();
}

Result<void> SqliteReaders::still_there() const {
  const auto found = FileIdentity::of(file_);
  const MutexLock lock(mutex_);
  if (found && found == identity_) return {};
  return fail(errc::unavailable, file_.string() + " was moved, deleted or replaced while in use");
}

Result<std::unique_ptr<SqliteReader>> SqliteReaders::acquire() {
  TRIBUTARY_TRY(still_there());
  std::unique_ptr<SqliteReader> reader;
  {
    MutexLock lock(mutex_);
    const bool free = given_back_.wait_for(
        lock, limits_.connection_wait,
        [this]() TRIBUTARY_REQUIRES(mutex_) { return in_use_ < kConnectionsMax; });
    if (!free) {
      return fail(errc::unavailable, "all " + std::to_string(kConnectionsMax) + " connections of " +
                                         file_.string() +
                                         " are busy with other queries: try again later");
    }
    ++in_use_;
    if (!idle_.empty()) {
      reader = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (reader && reader->connection().still_there()) return reader;

  reader.reset();
  auto connection =
      SqliteConnection::open(file_, SqliteConnection::Mode::read, limits_.busy_timeout_ms);
  if (connection) {
    if (auto set = connection->execute("PRAGMA query_only = ON"); !set) {
      connection = std::unexpected(std::move(set).error());
    }
  }
  if (!connection) {
    give_back(nullptr);
    return std::unexpected(Error(errc::unavailable, connection.error().message()));
  }
  return std::make_unique<SqliteReader>(std::move(*connection));
}

void SqliteReaders::give_back(std::unique_ptr<SqliteReader> reader) {
  const MutexLock lock(mutex_);
  --in_use_;
  if (reader) idle_.push_back(std::move(reader));
  given_back_.notify_one();
}

Result<Page> SqliteReaders::read_page(SqliteReader& reader, const Query& query,
                                      SqlitePlan plan) const {
  TRIBUTARY_ASSIGN(auto* const select,
                   reader.statement(layout_.select_sql(plan.field, query.descending)));
  const SqliteReset reset(select);
  SqlitePace pace(limits_.query_time);
  PageBuilder builder(query);
  for (;;) {
    plan.bind(*select);
    for (bool go_on = true; go_on; go_on = !pace.row()) {
      const int code = select->step();
      if (code == SQLITE_DONE) return std::move(builder).last();
      if (code != SQLITE_ROW) return std::unexpected(reader.error(code, "read events"));
      if (!plan.matches(text_of(*select))) continue;
      if (builder.full()) return std::move(builder).with_next();
      builder.add(event_of(*select, query.meta), place_of(*select));
    }
    // On from here in a new snapshot.
    (query.descending ? plan.range.upper : plan.range.lower) = place_of(*select);
    select->reset();
    TRIBUTARY_TRY(pace.next_snapshot());
  }
}

}  // namespace tributary::collector
