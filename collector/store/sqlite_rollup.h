#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "collector/store/sqlite_layout.h"
#include "collector/store/sqlite_rollup_row.h"

namespace tributary::collector {

// Keeps the rollups of a table (sqlite_layout.h) true to its events, through the connection that
// writes both. What events add is merged in memory first, so that each row is read and written once
// for many events. One thread.
class SqliteRollups {
 public:
  // The connection must outlive this, wherever it is moved to: it is what the other calls are
  // given.
  static Result<SqliteRollups> open(SqliteConnection& connection, const SqliteLayout& layout);

  // An event that was inserted in the transaction that is open; its canonical text.
  Result<void> add(const SqliteConnection& connection, Timestamp time, std::string_view event);
  // So much is held in memory that it is time for flush().
  [[nodiscard]] bool full() const { return held_bytes_ >= kHeldBytesMax; }
  // Writes what was added. Of the table's events those before `end` have been added, now or
  // earlier.
  Result<void> flush(const SqliteConnection& connection, const Keyset& end);
  // Forgets what was added: the transaction is rolled back.
  void discard();

 private:
  static constexpr std::size_t kHeldBytesMax = 8U << 20;

  struct Hour {
    std::int64_t start;
    std::string series;  // empty: all
    std::uint64_t events_before;
    RollupRow row;
    std::vector<std::pair<std::int64_t, RollupRow>> minutes;  // once it is known to have any

    [[nodiscard]] bool has_minutes() const { return events_before > kEventsWithoutMinutesMax; }
  };

  SqliteRollups(const SqliteLayout& layout, SqliteStatement get, SqliteStatement put,
                SqliteStatement select_of_all, SqliteStatement select_of_series);

  // numbers_, of an event.
  Result<void> add_to(const SqliteConnection& connection, std::string_view series, Timestamp time);
  Result<Hour*> hour_of(const SqliteConnection& connection, std::string_view series,
                        std::int64_t start);
  Result<RollupRow*> minute_of(const SqliteConnection& connection, Hour& hour, std::int64_t start);
  Result<RollupRow> get(const SqliteConnection& connection, SqliteRollupScope scope,
                        std::int64_t start, std::string_view series);
  Result<void> put(const SqliteConnection& connection, SqliteRollupScope scope, std::int64_t start,
                   std::string_view series, const RollupRow& row);
  Result<void> make_minutes(const SqliteConnection& connection, Hour& hour, const Keyset& end);
  void add_to(RollupRow& row);

  std::string series_name_;  // its canonical text; empty when there is none
  SqliteStatement get_;
  SqliteStatement put_;
  SqliteStatement select_of_all_;                 // events
  SqliteStatement select_of_series_;              // the same when there is no series
  std::unordered_map<std::string, Hour> hours_;   // by start and series
  std::string key_;                               // of one of them, kept for its memory
  CanonicalNumbers numbers_{kRollupNameSizeMax};  // of one event
  std::size_t held_bytes_ = 0;
};

// Fills the rollups, which are empty, from the table's events, in the transaction that is open.
Result<void> fill_rollups(SqliteConnection& connection, const SqliteLayout& layout);

}  // namespace tributary::collector
