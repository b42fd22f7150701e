#pragma once

#include <chrono>

#include "collector/store/sqlite_reader.h"
#include "collector/store/store.h"
#include "shared/base/mutex.h"

namespace tributary::collector {

struct SqlitePlan;

// A few read-only connections and the queries that run on them. Any thread. Each query has a
// connection to itself; no snapshot stays open behind it, nor for longer than a slice of it
// (SqlitePace), so that SQLite can always checkpoint.
class SqliteReaders {
 public:
  struct Limits {
    std::chrono::milliseconds connection_wait;  // for one of the connections
    std::chrono::milliseconds query_time;       // for one answer
    int busy_timeout_ms;
  };

  // `layout` and `schema` must outlive this.
  SqliteReaders(std::filesystem::path file, const SqliteLayout& layout, const Schema& schema,
                Limits limits);
  ~SqliteReaders();

  // As those of Store.
  Result<Page> query(const Query& query);
  Result<Buckets> aggregate(const AggregateQuery& query);
  Result<SeriesPage> series(const SeriesQuery& query);
  // What was opened for writing: only this is read.
  void use(std::optional<FileIdentity> file);
  // A file that went away can be let go of.
  void close_idle();
  // Whether the path still leads to it.
  [[nodiscard]] Result<void> still_there() const;

 private:
  // What `read` makes of a connection.
  template <class Read>
  auto with_reader(Read read) -> decltype(read(std::declval<SqliteReader&>()));
  Result<std::unique_ptr<SqliteReader>> acquire();
  void give_back(std::unique_ptr<SqliteReader> reader);
  Result<Page> read_page(SqliteReader& reader, const Query& query, SqlitePlan plan) const;

  const std::filesystem::path file_;
  const SqliteLayout& layout_;
  const Schema& schema_;
  const Limits limits_;

  mutable Mutex mutex_;
  Condition given_back_;
  std::vector<std::unique_ptr<SqliteReader>> idle_ TRIBUTARY_GUARDED_BY(mutex_);
  std::size_t in_use_ TRIBUTARY_GUARDED_BY(mutex_) = 0;
  std::optional<FileIdentity> identity_ TRIBUTARY_GUARDED_BY(mutex_);
};

}  // namespace tributary::collector
