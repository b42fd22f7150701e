#include "collector/store/sqlite_rollup.h"

#include <sqlite3.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "collector/store/canonical_member.h"
#include "collector/store/sqlite_plan.h"
#include "shared/event/json.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using enum SqliteRollupScope;

constexpr std::size_t kRowOverhead = 128;  // bytes, about

// No object's or array's text, and not null: nothing can ask for such a series.
bool is_scalar(std::string_view canonical) {
  return !canonical.starts_with('{') && !canonical.starts_with('[') && canonical != "null";
}

Keyset begin_of(std::int64_t second) { return {.time = {.seconds = second}, .key = {}}; }

}  // namespace

SqliteRollups::SqliteRollups(const SqliteLayout& layout, SqliteStatement get, SqliteStatement put,
                             SqliteStatement select_of_all, SqliteStatement select_of_series)
    : get_(std::move(get)),
      put_(std::move(put)),
      select_of_all_(std::move(select_of_all)),
      select_of_series_(std::move(select_of_series)) {
  const auto series = layout.series();
  if (series) series_name_ = canonical_text(layout.fields()[*series].name);
}

Result<SqliteRollups> SqliteRollups::open(SqliteConnection& connection,
                                          const SqliteLayout& layout) {
  TRIBUTARY_ASSIGN(auto get, connection.prepare(layout.rollup_sql()));
  TRIBUTARY_ASSIGN(auto put, connection.prepare(layout.put_rollup_sql()));
  TRIBUTARY_ASSIGN(auto of_all, connection.prepare(layout.event_sql(std::nullopt, false)));
  TRIBUTARY_ASSIGN(auto of_series, connection.prepare(layout.event_sql(layout.series(), false)));
  return SqliteRollups(layout, std::move(get), std::move(put), std::move(of_all),
                       std::move(of_series));
}

Result<void> SqliteRollups::add(const SqliteConnection& connection, Timestamp time,
                                std::string_view event) {
  numbers_.read(event);
  TRIBUTARY_TRY(add_to(connection, {}, time));
  if (series_name_.empty()) return {};
  const auto series = canonical_member(event, series_name_);
  if (!series || !is_scalar(*series)) return {};
  return add_to(connection, *series, time);
}

Result<void> SqliteRollups::add_to(const SqliteConnection& connection, std::string_view series,
                                   Timestamp time) {
  const auto start = floor_to(kRollupHour, time.seconds);
  TRIBUTARY_ASSIGN(auto* const hour, hour_of(connection, series, start));
  add_to(hour->row);
  if (!hour->has_minutes()) return {};
  TRIBUTARY_ASSIGN(auto* const minute,
                   minute_of(connection, *hour, floor_to(kRollupMinute, time.seconds)));
  add_to(*minute);
  return {};
}

void SqliteRollups::add_to(RollupRow& row) {
  const auto before = row.fields().size();
  row.add(numbers_);
  held_bytes_ += row.fields().size() - before;
}

Result<SqliteRollups::Hour*> SqliteRollups::hour_of(const SqliteConnection& connection,
                                                    std::string_view series, std::int64_t start) {
  key_.assign(reinterpret_cast<const char*>(&start), sizeof start).append(series);
  const auto found = hours_.find(key_);
  if (found != hours_.end()) return &found->second;
  TRIBUTARY_ASSIGN(auto row, get(connection, series.empty() ? hour : series_hour, start, series));
  const auto events = row.events();
  Hour hour{.start = start,
            .series = std::string(series),
            .events_before = events,
            .row = std::move(row),
            .minutes = {}};
  held_bytes_ += kRowOverhead + key_.size() + series.size();
  return &hours_.emplace(key_, std::move(hour)).first->second;
}

Result<RollupRow*> SqliteRollups::minute_of(const SqliteConnection& connection, Hour& hour,
                                            std::int64_t start) {
  const auto found =
      std::ranges::find(hour.minutes, start, &decltype(hour.minutes)::value_type::first);
  if (found != hour.minutes.end()) return &found->second;
  TRIBUTARY_ASSIGN(
      auto row, get(connection, hour.series.empty() ? minute : series_minute, start, hour.series));
  return &hour.minutes.emplace_back(start, std::move(row)).second;
}

// An empty one where there is none.
Result<RollupRow> SqliteRollups::get(const SqliteConnection& connection, SqliteRollupScope scope,
                                     std::int64_t start, std::string_view series) {
  get_.bind_integer(1, static_cast<std::int64_t>(scope));
  get_.bind_integer(2, start);
  get_.bind_text(3, series);
  const SqliteReset reset(&get_);
  const int code = get_.step();
  held_bytes_ += kRowOverhead;
  if (code == SQLITE_DONE) return RollupRow();
  if (code != SQLITE_ROW) return std::unexpected(connection.error(code, "read a rollup"));
  auto row =
      RollupRow::parse(static_cast<std::uint64_t>(get_.column_integer(0)), get_.column_blob(1));
  if (!row) {
    return fail(errc::corrupt,
                connection.file().string() +
                    " holds a damaged rollup: with the collector stopped, run \"UPDATE "
                    "tributary_tables SET rollups = NULL\" on it, then they are made anew");
  }
  held_bytes_ += row->fields().size();
  return std::move(*row);
}

Result<void> SqliteRollups::put(const SqliteConnection& connection, SqliteRollupScope scope,
                                std::int64_t start, std::string_view series, const RollupRow& row) {
  put_.bind_integer(1, static_cast<std::int64_t>(scope));
  put_.bind_integer(2, start);
  put_.bind_text(3, series);
  put_.bind_integer(4, static_cast<std::int64_t>(row.events()));
  put_.bind_blob(5, row.fields());
  const int code = put_.step();
  put_.reset();
  if (code != SQLITE_DONE) return std::unexpected(connection.error(code, "write a rollup"));
  return {};
}

Result<void> SqliteRollups::flush(const SqliteConnection& connection, const Keyset& end) {
  for (auto& [key, held] : hours_) {
    const bool of_all = held.series.empty();
    TRIBUTARY_TRY(put(connection, of_all ? hour : series_hour, held.start, held.series, held.row));
    if (!held.has_minutes() && held.row.events() > kEventsWithoutMinutesMax) {
      TRIBUTARY_TRY(make_minutes(connection, held, end));
    }
    for (const auto& [start, row] : held.minutes) {
      TRIBUTARY_TRY(put(connection, of_all ? minute : series_minute, start, held.series, row));
    }
  }
  discard();
  return {};
}

// From the events of the hour, which are few and were mostly just written.
Result<void> SqliteRollups::make_minutes(const SqliteConnection& connection, Hour& hour,
                                         const Keyset& end) {
  auto& select = hour.series.empty() ? select_of_all_ : select_of_series_;
  const PlaceRange range{.lower = begin_of(hour.start),
                         .upper = std::min(begin_of(hour.start + kRollupHour), end)};
  bind_range(select, range);
  nlohmann::json value;
  if (!hour.series.empty()) {
    value = parse_json(hour.series, 1).value_or(nullptr);
    bind_field(select, kFieldOfRange, &value);
  }
  const SqliteReset reset(&select);
  for (;;) {
    const int code = select.step();
    if (code == SQLITE_DONE) return {};
    if (code != SQLITE_ROW) return std::unexpected(connection.error(code, "read events"));
    const auto event = select.column_text(kEventOfRange);
    if (!hour.series.empty() && canonical_member(event, series_name_) != hour.series) continue;
    const auto start = floor_to(kRollupMinute, select.column_integer(1));
    if (hour.minutes.empty() || hour.minutes.back().first != start) {
      hour.minutes.emplace_back(start, RollupRow());
    }
    numbers_.read(event);
    hour.minutes.back().second.add(numbers_);
  }
}

void SqliteRollups::discard() {
  hours_.clear();
  held_bytes_ = 0;
}

Result<void> fill_rollups(SqliteConnection& connection, const SqliteLayout& layout) {
  TRIBUTARY_ASSIGN(auto rollups, SqliteRollups::open(connection, layout));
  TRIBUTARY_ASSIGN(auto select, connection.prepare(layout.event_sql(std::nullopt, false)));
  bind_range(select, PlaceRange::all());
  std::uint64_t events = 0;
  Keyset end;
  for (int code = select.step(); code != SQLITE_DONE; code = select.step()) {
    if (code != SQLITE_ROW) return std::unexpected(connection.error(code, "read events"));
    if (events++ == 0) {
      log_info("store", "making the rollups of a table",
               {{"file", connection.file().string()}, {"table", layout.table()}});
    }
    end = place_of(select);
    TRIBUTARY_TRY(rollups.add(connection, end.time, select.column_text(kEventOfRange)));
    end.key += '\0';  // the next place
    if (rollups.full()) TRIBUTARY_TRY(rollups.flush(connection, end));
  }
  TRIBUTARY_TRY(rollups.flush(connection, PlaceRange::all().upper));
  if (events == 0) return {};
  log_info("store", "the rollups are made",
           {{"file", connection.file().string()}, {"table", layout.table()}, {"events", events}});
  return {};
}

}  // namespace tributary::collector
