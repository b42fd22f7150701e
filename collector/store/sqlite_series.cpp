#include "collector/store/sqlite_series.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>

#include "collector/store/canonical_member.h"
#include "collector/store/series_id.h"
#include "collector/store/sqlite_plan.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

using nlohmann::json;

// A value as it stands in the column: what bind_field made of it.
json column_value(const SqliteStatement& row, int column) {
  switch (row.column_type(column)) {
    case SQLITE_INTEGER:
      return row.column_integer(column);
    case SQLITE_FLOAT:
      return row.column_real(column);
    default:
      return row.column_text(column);
  }
}

}  // namespace

SqliteSeriesScan::SqliteSeriesScan(const SeriesQuery& query, const SqliteLayout& layout)
    : layout_(&layout), query_(query) {
  query_.limit = std::clamp<std::size_t>(query.limit, 1, kPageEventsMax);
}

Result<SqliteSeriesScan> SqliteSeriesScan::of(const SeriesQuery& query, const SqliteLayout& layout,
                                              const Schema& schema) {
  if (!layout.series()) {
    return fail(errc::unsupported, "the schema " + schema.name() +
                                       " has no series: name its field in x-tributary, as "
                                       "\"series\"");
  }
  SqliteSeriesScan scan(query, layout);
  scan.name_ = canonical_text(schema.series());
  using enum SchemaField::Type;
  const auto type = schema.field(schema.series())->type;
  scan.texts_ = type == string || type == time || type == uuid;
  if (query.after) {
    TRIBUTARY_ASSIGN(scan.after_, parse_series_id(*query.after, schema));
  }
  return scan;
}

Result<SeriesPage> SqliteSeriesScan::read(SqliteReader& reader, SqlitePace pace) const {
  // One is read for itself: it doesn't matter when the snapshot changes between two.
  TRIBUTARY_ASSIGN(auto snapshot, SqliteSnapshot::take(reader));
  SeriesPage page;
  std::size_t bytes = 0;
  json place = after_;
  for (;;) {
    TRIBUTARY_ASSIGN(auto series, next(reader, place));
    if (!series) return page;
    page.more = page.series.size() == query_.limit || bytes >= kPageBytesMax;
    if (page.more) return page;
    bytes += series->latest.size();
    page.series.push_back(std::move(*series));
    if (pace.row()) {
      TRIBUTARY_TRY(pace.next_snapshot());
      TRIBUTARY_TRY(snapshot.renew());
    }
  }
}

Result<std::optional<Series>> SqliteSeriesScan::next(SqliteReader& reader, json& place) const {
  TRIBUTARY_ASSIGN(auto* const seek, reader.statement(layout_->next_series_sql()));
  const SqliteReset reset_seek(seek);
  if (place.is_null()) {
    // In the column all numbers come before all texts.
    constexpr auto kInfinity = std::numeric_limits<double>::infinity();
    seek->bind_real(1, texts_ ? kInfinity : -kInfinity);
  } else {
    bind_field(*seek, 1, &place);
  }
  int code = seek->step();
  if (code == SQLITE_DONE) return std::nullopt;
  if (code != SQLITE_ROW) return std::unexpected(reader.error(code, "look for the next series"));
  // Behind the numbers there may be texts, which an earlier schema allowed.
  if ((seek->column_type(0) == SQLITE_TEXT) != texts_) return std::nullopt;
  const auto first_nanoseconds = static_cast<std::int32_t>(seek->column_integer(2));
  const Timestamp first{.seconds = seek->column_integer(1), .nanoseconds = first_nanoseconds};

  auto value = column_value(*seek, 0);
  TRIBUTARY_ASSIGN(auto* const latest, reader.statement(layout_->latest_sql()));
  const SqliteReset reset_latest(latest);
  bind_field(*latest, 1, &value);
  code = latest->step();
  if (code != SQLITE_ROW) return std::unexpected(reader.error(code, "read a series' latest event"));
  const auto id = canonical_member(text_of(*latest), name_);
  Series series{.id = std::string(id.value_or("null")),
                .first = first,
                .last = place_of(*latest).time,
                .latest = event_of(*latest, query_.meta)};
  place = std::move(value);
  return series;
}

}  // namespace tributary::collector
