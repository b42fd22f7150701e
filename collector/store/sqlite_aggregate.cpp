#include "collector/store/sqlite_aggregate.h"

#include <sqlite3.h>

#include <algorithm>

#include "collector/store/canonical_member.h"

namespace tributary::collector {
namespace {

using enum SqliteRollupScope;

constexpr std::size_t kRollupDepthMax = 2;

Keyset begin_of(Timestamp time) { return {.time = time, .key = {}}; }

Timestamp second(std::int64_t seconds) { return {.seconds = seconds}; }

// The first time behind a bucket, which may be after all times.
Timestamp bucket_end(Timestamp start, std::chrono::milliseconds bucket) {
  constexpr std::int64_t kSecond = 1'000;
  constexpr std::int32_t kMillisecond = 1'000'000;
  const auto in_second = start.nanoseconds / kMillisecond + bucket.count() % kSecond;
  return {.seconds = start.seconds + bucket.count() / kSecond + in_second / kSecond,
          .nanoseconds = static_cast<std::int32_t>(in_second % kSecond) * kMillisecond};
}

// The seconds from `start` on, as many as `length`.
PlaceRange stretch(std::int64_t start, std::int64_t length) {
  return {.lower = begin_of(second(start)), .upper = begin_of(second(start + length))};
}

PlaceRange both(const PlaceRange& one, const PlaceRange& other) {
  return {.lower = std::max(one.lower, other.lower), .upper = std::min(one.upper, other.upper)};
}

// Whose rollups can answer the query: '' for all, a series' id; nothing when none can.
std::optional<std::string> series_of(const AggregateQuery& query, const SqlitePlan& plan,
                                     const SqliteLayout& layout, const Schema& schema) {
  if (query.bucket < std::chrono::seconds(kRollupMinute)) return std::nullopt;
  std::string series;
  for (std::size_t i = 0; i < query.filters.size(); ++i) {
    const auto& field = query.filters[i].field;
    const auto& texts = plan.conditions[i].texts;
    if (field == schema.time()) continue;  // it is in the range
    const bool first = series.empty() && layout.series() && field == schema.series();
    if (!first || texts.size() != 1) return std::nullopt;
    series = texts.front();
  }
  return series;
}

}  // namespace

// One answer in the making.
class SqliteAggregation::Run {
 public:
  Run(const SqliteAggregation& aggregation, SqliteReader& reader, SqliteSnapshot snapshot,
      SqlitePace pace)
      : query_(*aggregation.query_),
        layout_(*aggregation.layout_),
        plan_(aggregation.plan_),
        fields_(aggregation.fields_),
        uses_rollups_(aggregation.series_.has_value()),
        series_(aggregation.series_.value_or("")),
        reader_(reader),
        snapshot_(std::move(snapshot)),
        pace_(pace) {}

  Result<Buckets> read() {
    TRIBUTARY_TRY(uses_rollups_ ? read_hours() : read_events(plan_.range));
    return std::move(answer_);
  }

 private:
  Result<void> read_hours();
  Result<void> read_hour(std::int64_t start, const PlaceRange& part);
  Result<void> read_minutes(std::int64_t hour, const PlaceRange& part);
  Result<void> read_minute(std::int64_t start, const PlaceRange& part);
  Result<void> read_events(PlaceRange range);

  Result<std::optional<std::int64_t>> nearest_hour(const PlaceRange& range);
  Result<std::optional<RollupRow>> row_of(SqliteRollupScope scope, std::int64_t start);
  [[nodiscard]] bool is_whole(const PlaceRange& part, std::int64_t start,
                              std::int64_t length) const;
  bool add(std::int64_t start, const RollupRow& row);
  void add(Timestamp time, std::string_view event);
  Bucket* bucket_of(Timestamp time);
  Result<void> pause();

  const AggregateQuery& query_;
  const SqliteLayout& layout_;
  const SqlitePlan& plan_;
  const std::vector<Field>& fields_;
  const bool uses_rollups_;
  const std::string series_;
  SqliteReader& reader_;
  SqliteSnapshot snapshot_;
  SqlitePace pace_;
  bool pause_due_ = false;
  Buckets answer_;
  bool full_ = false;  // there is a bucket behind the limit
  std::vector<FieldSummary> summaries_;
};

Result<SqliteAggregation> SqliteAggregation::of(const AggregateQuery& query,
                                                const SqliteLayout& layout, const Schema& schema) {
  TRIBUTARY_ASSIGN(
      auto plan, SqlitePlan::of({.filters = query.filters, .start = query.start, .end = query.end},
                                layout, schema));
  if (query.after) {
    auto& range = plan.range;
    if (query.descending) {
      range.upper = std::min(range.upper, begin_of(*query.after));
    } else {
      range.lower = std::max(range.lower, begin_of(bucket_end(*query.after, query.bucket)));
    }
  }
  SqliteAggregation aggregation(query, layout, std::move(plan));
  aggregation.series_ = series_of(query, aggregation.plan_, layout, schema);
  for (const auto& path : query.fields) {
    Field field;
    for (const auto& name : path) field.path.push_back(canonical_text(name));
    if (path.size() <= kRollupDepthMax) {
      field.rollup.emplace();
      for (const auto& name : field.path) *field.rollup += name;
    }
    aggregation.fields_.push_back(std::move(field));
  }
  return aggregation;
}

Result<Buckets> SqliteAggregation::read(SqliteReader& reader, SqlitePace pace) const {
  TRIBUTARY_ASSIGN(auto snapshot, SqliteSnapshot::take(reader));
  return Run(*this, reader, std::move(snapshot), pace).read();
}

Result<void> SqliteAggregation::Run::read_hours() {
  auto rest = plan_.range;
  while (!rest.empty() && !full_) {
    TRIBUTARY_ASSIGN(const auto start, nearest_hour(rest));
    if (!start) break;
    const auto part = both(rest, stretch(*start, kRollupHour));
    TRIBUTARY_TRY(read_hour(*start, part));
    if (query_.descending) {
      rest.upper = part.lower;
    } else {
      rest.lower = part.upper;
    }
    TRIBUTARY_TRY(pause());
  }
  return {};
}

// What of an hour lies in the range.
Result<void> SqliteAggregation::Run::read_hour(std::int64_t start, const PlaceRange& part) {
  TRIBUTARY_ASSIGN(const auto row, row_of(series_.empty() ? hour : series_hour, start));
  if (row && is_whole(part, start, kRollupHour) && add(start, *row)) return {};
  if (row && row->events() > kEventsWithoutMinutesMax) return read_minutes(start, part);
  return read_events(part);
}

Result<void> SqliteAggregation::Run::read_minutes(std::int64_t hour, const PlaceRange& part) {
  constexpr auto kMinutes = kRollupHour / kRollupMinute;
  for (std::int64_t i = 0; i < kMinutes && !full_; ++i) {
    const auto minute = hour + (query_.descending ? kMinutes - 1 - i : i) * kRollupMinute;
    const auto part_of_minute = both(part, stretch(minute, kRollupMinute));
    if (part_of_minute.empty()) continue;
    TRIBUTARY_TRY(read_minute(minute, part_of_minute));
    TRIBUTARY_TRY(pause());
  }
  return {};
}

Result<void> SqliteAggregation::Run::read_minute(std::int64_t start, const PlaceRange& part) {
  if (!is_whole(part, start, kRollupMinute)) return read_events(part);
  TRIBUTARY_ASSIGN(const auto row, row_of(series_.empty() ? minute : series_minute, start));
  if (!row || add(start, *row)) return {};
  return read_events(part);
}

Result<void> SqliteAggregation::Run::read_events(PlaceRange range) {
  TRIBUTARY_ASSIGN(auto* const select,
                   reader_.statement(layout_.event_sql(plan_.field, query_.descending)));
  const SqliteReset reset(select);
  while (!full_) {
    TRIBUTARY_TRY(pause());
    plan_.bind(*select, range);
    while (!full_ && !pause_due_) {
      const int code = select->step();
      if (code == SQLITE_DONE) return {};
      if (code != SQLITE_ROW) return std::unexpected(reader_.error(code, "read events"));
      pause_due_ = pace_.row();
      const auto event = select->column_text(kEventOfRange);
      if (plan_.matches(event)) add(time_of(*select), event);
    }
    // On from here.
    (query_.descending ? range.upper : range.lower) = place_of(*select);
    select->reset();
  }
  return {};
}

// The first hour of a range that has events, in the direction of the query.
Result<std::optional<std::int64_t>> SqliteAggregation::Run::nearest_hour(const PlaceRange& range) {
  TRIBUTARY_ASSIGN(auto* const select,
                   reader_.statement(layout_.nearest_sql(plan_.field, query_.descending)));
  const SqliteReset reset(select);
  plan_.bind(*select, range);
  const int code = select->step();
  if (code == SQLITE_DONE) return std::nullopt;
  if (code != SQLITE_ROW) return std::unexpected(reader_.error(code, "look for events"));
  return floor_to(kRollupHour, select->column_integer(0));
}

Result<std::optional<RollupRow>> SqliteAggregation::Run::row_of(SqliteRollupScope scope,
                                                                std::int64_t start) {
  pause_due_ = pace_.row();
  TRIBUTARY_ASSIGN(auto* const select, reader_.statement(layout_.rollup_sql()));
  const SqliteReset reset(select);
  select->bind_integer(1, static_cast<std::int64_t>(scope));
  select->bind_integer(2, start);
  select->bind_text(3, series_);
  const int code = select->step();
  if (code == SQLITE_DONE) return std::nullopt;
  if (code != SQLITE_ROW) return std::unexpected(reader_.error(code, "read a rollup"));
  return RollupRow::parse(static_cast<std::uint64_t>(select->column_integer(0)),
                          select->column_blob(1));
}

// Whether it is all of these seconds, and they are in one bucket.
bool SqliteAggregation::Run::is_whole(const PlaceRange& part, std::int64_t start,
                                      std::int64_t length) const {
  constexpr std::int32_t kLastNanosecond = 999'999'999;
  const auto whole = stretch(start, length);
  const Timestamp last{.seconds = start + length - 1, .nanoseconds = kLastNanosecond};
  return part.lower == whole.lower && part.upper == whole.upper &&
         bucket_start(second(start), query_.bucket) == bucket_start(last, query_.bucket);
}

// False when the row can't tell of one of the fields: then nothing was added.
bool SqliteAggregation::Run::add(std::int64_t start, const RollupRow& row) {
  summaries_.clear();
  for (const auto& field : fields_) {
    const auto summary = field.rollup ? row.field(*field.rollup) : std::nullopt;
    if (!summary) return false;
    summaries_.push_back(*summary);
  }
  auto* const bucket = bucket_of(second(start));
  if (bucket == nullptr) return true;
  bucket->events += row.events();
  for (std::size_t i = 0; i < summaries_.size(); ++i) bucket->fields[i].add(summaries_[i]);
  return true;
}

void SqliteAggregation::Run::add(Timestamp time, std::string_view event) {
  auto* const bucket = bucket_of(time);
  if (bucket == nullptr) return;
  ++bucket->events;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const auto text = canonical_member(event, fields_[i].path);
    const auto number = text ? canonical_number(*text) : std::nullopt;
    if (number) bucket->fields[i].add(*number);
  }
}

// The last one or the next, as times come in order; nullptr when that is one too many.
Bucket* SqliteAggregation::Run::bucket_of(Timestamp time) {
  const auto start = bucket_start(time, query_.bucket);
  auto& buckets = answer_.buckets;
  if (!buckets.empty() && buckets.back().start == start) return &buckets.back();
  if (buckets.size() >= std::max<std::size_t>(query_.limit, 1)) {
    full_ = true;
    answer_.next = buckets.back().start;
    return nullptr;
  }
  buckets.push_back({.start = start, .fields = std::vector<FieldSummary>(fields_.size())});
  return &buckets.back();
}

// A new snapshot, when it is time for one. No statement is in the middle of something.
Result<void> SqliteAggregation::Run::pause() {
  if (!pause_due_) return {};
  pause_due_ = false;
  TRIBUTARY_TRY(pace_.next_snapshot());
  return snapshot_.renew();
}

}  // namespace tributary::collector
