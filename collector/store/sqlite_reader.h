#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "collector/store/sqlite_connection.h"
#include "collector/store/sqlite_layout.h"
#include "collector/store/store.h"

namespace tributary::collector {

// A connection that reads, with its prepared statements. One thread at a time.
class SqliteReader {
 public:
  explicit SqliteReader(SqliteConnection connection) : connection_(std::move(connection)) {}

  [[nodiscard]] SqliteConnection& connection() { return connection_; }
  // Prepared once, and good as long as this lives.
  Result<SqliteStatement*> statement(const std::string& sql);
  // What came of a step that gave no row.
  [[nodiscard]] Error error(int code, std::string_view doing) const;

 private:
  SqliteConnection connection_;
  std::map<std::string, SqliteStatement, std::less<>> statements_;
};

// What several statements read is of one moment, as long as this lives and isn't renewed. That may
// not be long: SQLite's log can't be used anew behind the oldest snapshot.
class SqliteSnapshot {
 public:
  static Result<SqliteSnapshot> take(SqliteReader& reader);
  SqliteSnapshot(SqliteSnapshot&& other) noexcept;
  SqliteSnapshot& operator=(SqliteSnapshot&&) = delete;
  SqliteSnapshot(const SqliteSnapshot&) = delete;
  SqliteSnapshot& operator=(const SqliteSnapshot&) = delete;
  ~SqliteSnapshot();

  // Of now. All statements are reset before.
  Result<void> renew();

 private:
  explicit SqliteSnapshot(SqliteReader* reader) : reader_(reader) {}
  SqliteReader* reader_;  // nullptr: moved from
};

// How long a read may take, and how much of it may be of one snapshot.
class SqlitePace {
 public:
  explicit SqlitePace(std::chrono::milliseconds time)
      : time_(time), deadline_(std::chrono::steady_clock::now() + time) {}

  // Whether so many rows were read that a new snapshot is due.
  bool row() { return ++rows_ >= kRowsOfSnapshotMax; }
  // errc::timed_out.
  Result<void> next_snapshot();

 private:
  static constexpr std::size_t kRowsOfSnapshotMax = 20'000;

  std::chrono::milliseconds time_;
  std::chrono::steady_clock::time_point deadline_;
  std::size_t rows_ = 0;
};

// Of a row of SqliteLayout::select_sql or latest_sql: the event, and the event as it is given out.
std::string_view text_of(const SqliteStatement& row);
std::string event_of(const SqliteStatement& row, bool meta);

}  // namespace tributary::collector
