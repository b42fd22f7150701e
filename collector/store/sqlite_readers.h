#pragma once

#include <chrono>
#include <map>

#include "collector/store/sqlite_layout.h"
#include "collector/store/store.h"
#include "shared/base/mutex.h"

namespace tributary::collector {

// A few read-only connections and the queries that run on them. Any thread. Each query has a
// connection to itself; no snapshot stays open behind it, nor for longer than a slice of it, so
// that SQLite can always checkpoint.
class SqliteReaders {
 public:
  struct Limits {
    std::chrono::milliseconds connection_wait;  // for one of the connections
    std::chrono::milliseconds query_time;       // for one page
    int busy_timeout_ms;
  };

  // `layout` and `schema` must outlive this.
  SqliteReaders(std::filesystem::path file, const SqliteLayout& layout, const Schema& schema,
                Limits limits);
  ~SqliteReaders();

  // As Store::query.
  Result<Page> query(const Query& query);
  // What was opened for writing: only this is read.
  void use(std::optional<FileIdentity> file);
  // A file that went away can be let go of.
  void close_idle();
  // Whether the path still leads to it.
  [[nodiscard]] Result<void> still_there() const;

 private:
  class Reader;
  struct Plan;

  Result<std::unique_ptr<Reader>> acquire();
  void give_back(std::unique_ptr<Reader> reader);
  Result<Plan> plan(const Query& query) const;
  Result<Page> read_page(Reader& reader, const Query& query, Plan plan) const;

  const std::filesystem::path file_;
  const SqliteLayout& layout_;
  const Schema& schema_;
  const Limits limits_;

  mutable Mutex mutex_;
  Condition given_back_;
  std::vector<std::unique_ptr<Reader>> idle_ TRIBUTARY_GUARDED_BY(mutex_);
  std::size_t in_use_ TRIBUTARY_GUARDED_BY(mutex_) = 0;
  std::optional<FileIdentity> identity_ TRIBUTARY_GUARDED_BY(mutex_);
};

}  // namespace tributary::collector
