#include "collector/store/postgresql_aggregate.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace tributary::collector {
namespace {

using Kind = PostgresqlColumn::Kind;

constexpr std::int64_t kSecondMs = 1'000;
constexpr std::int32_t kMillisecondNs = 1'000'000;
constexpr std::int64_t kMillisecondUs = 1'000;
constexpr std::int64_t kBeginMs = 62'135'596'800'000;  // from the year 1 to 1970
constexpr std::int64_t kAllMs = 400'000'000'000'000;   // more than all times
constexpr std::int64_t kSecondsTo2000 = 946'684'800;

std::int64_t load(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8U | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(value);
}

std::int64_t floor_to(std::int64_t unit, std::int64_t value) {
  return value - (value % unit + unit) % unit;
}

Timestamp time_of(std::int64_t milliseconds) {
  const auto second = floor_to(kSecondMs, milliseconds);
  return {.seconds = second / kSecondMs,
          .nanoseconds = static_cast<std::int32_t>(milliseconds - second) * kMillisecondNs};
}

std::int64_t milliseconds_of(Timestamp start) {
  return start.seconds * kSecondMs + start.nanoseconds / kMillisecondNs;
}

Keyset begin_of(std::int64_t milliseconds) { return {.time = time_of(milliseconds), .key = {}}; }

std::string number_of(const std::string& value) {
  return "CASE WHEN jsonb_typeof(" + value + ") = 'number' THEN (" + value +
         ")::double precision END";
}

// The sum of a column. Of doubles it is fast, and an error when it comes beyond them; of exact
// numbers it is infinite then, as elsewhere.
enum class Sum { of_doubles, of_exact_numbers };

std::string sum_of(const std::string& column, Sum kind) {
  if (kind == Sum::of_doubles) return "sum(" + column + ")";
  const std::string sum = "sum(" + column + "::numeric)";
  const std::string most = "'1.7976931348623157e308'::numeric";
  return "CASE WHEN " + sum + " > " + most + " THEN 'Infinity'::double precision WHEN " + sum +
         " < -" + most + " THEN '-Infinity'::double precision ELSE " + sum +
         "::double precision END";
}

// The number that a member is, as an expression; NULL when it is none. A path leads through
// objects only: `->` with a text finds nothing in an array.
std::string field_of(const FieldPath& path, const PostgresqlLayout& layout) {
  const bool possible =
      path.size() <= kNestingMax && std::ranges::none_of(path, [](const auto& name) {
        return name.find('\0') != std::string::npos;
      });
  if (!possible) return "NULL::double precision";
  const auto* const column = layout.column(path.front());
  const auto kind = column == nullptr ? Kind::text : column->kind;
  auto value = extra_member(path.front());
  if (kind == Kind::nested) {
    value = "coalesce(" + value + ", " + quoted_name(path.front()) + "::jsonb)";
  }
  for (std::size_t i = 1; i < path.size(); ++i) {
    value.insert(0, "(").append(" -> ").append(quoted_text(path[i])).append("::text)");
  }
  const bool numbers = kind == Kind::integer || kind == Kind::number || kind == Kind::exact_number;
  if (!numbers || path.size() > 1) return number_of(value);
  return "coalesce(" + quoted_name(path.front()) + "::double precision, " + number_of(value) + ")";
}

class BucketReader {
 public:
  BucketReader(const PostgresqlRead& read, const AggregateQuery& query, const PostgresqlPlan& plan)
      : read_(read),
        query_(query),
        plan_(plan),
        bucket_ms_(std::clamp<std::int64_t>(query.bucket.count(), 1, kAllMs)),
        offset_ms_((kBeginMs + bucket_ms_ - 1) / bucket_ms_ * bucket_ms_),
        limit_(std::max<std::size_t>(query.limit, 1)),
        rest_(PlaceRange::of({.filters = query.filters, .start = query.start, .end = query.end},
                             read.codec().schema())) {}

  Result<Buckets> run() && {
    if (query_.after) go_on_behind(milliseconds_of(*query_.after), bucket_ms_);
    for (std::int64_t width = 1; !rest_.empty();) {
      TRIBUTARY_ASSIGN(const auto nearest, nearest_bucket());
      if (!nearest) break;
      const auto wanted = limit_ + 1 - answer_.buckets.size();
      width = std::max(width, static_cast<std::int64_t>(std::min<std::size_t>(
                                  wanted, static_cast<std::size_t>(kAllMs / bucket_ms_) + 1)));
      const auto length = std::min(width, kAllMs / bucket_ms_ + 1) * bucket_ms_;
      const auto start = query_.descending ? *nearest + bucket_ms_ - length : *nearest;
      TRIBUTARY_TRY(read_stretch(start, length, wanted));
      if (answer_.buckets.size() > limit_) {
        answer_.buckets.pop_back();
        answer_.next = answer_.buckets.back().start;
        break;
      }
      go_on_behind(start, length);
      width = length / bucket_ms_ * 2;  // there are few in it
    }
    return std::move(answer_);
  }

 private:
  void go_on_behind(std::int64_t start, std::int64_t length) {
    if (query_.descending) {
      rest_.upper = std::min(rest_.upper, begin_of(start));
    } else {
      rest_.lower = std::max(rest_.lower, begin_of(start + length));
    }
  }

  // The start of the first one that has events.
  Result<std::optional<std::int64_t>> nearest_bucket() const {
    const auto& layout = read_.layout();
    PostgresqlConditions conditions;
    plan_.append_filters(conditions);
    plan_.append_range(rest_, {}, conditions);
    TRIBUTARY_ASSIGN(const auto rows, read_.rows("SELECT " + quoted_name(layout.time()) + " FROM " +
                                                     layout.table() + " t" + conditions.where() +
                                                     plan_.order(query_.descending) + " LIMIT 1",
                                                 conditions.parameters()));
    if (rows.size() == 0) return std::nullopt;
    const auto microseconds = load(rows.bytes(0, 0)) + kSecondsTo2000 * kSecondMs * kMillisecondUs;
    return floor_to(bucket_ms_, floor_to(kMillisecondUs, microseconds) / kMillisecondUs);
  }

  Result<void> read_stretch(std::int64_t start, std::int64_t length, std::size_t buckets) {
    auto rows = sum_up(start, length, buckets, Sum::of_doubles);
    if (!rows && rows.error() == errc::invalid_argument)
      rows = sum_up(start, length, buckets, Sum::of_exact_numbers);
    if (!rows) return std::unexpected(std::move(rows).error());
    for (int row = 0; row < rows->size(); ++row) add(*rows, row);
    return {};
  }

  Result<PostgresqlRows> sum_up(std::int64_t start, std::int64_t length, std::size_t buckets,
                                Sum kind) const {
    const auto& layout = read_.layout();
    const PlaceRange part{.lower = std::max(rest_.lower, begin_of(start)),
                          .upper = std::min(rest_.upper, begin_of(start + length))};
    PostgresqlConditions conditions;
    plan_.append_filters(conditions);
    plan_.append_range(part, {}, conditions);
    // The number of the bucket, counted from before the first of all times: a division of integers
    // rounds down there.
    auto values = "((extract(epoch FROM " + quoted_name(layout.time()) + ") * 1000000)::bigint + " +
                  std::to_string(offset_ms_ * kMillisecondUs) + ") / " +
                  std::to_string(bucket_ms_ * kMillisecondUs) + " AS b";
    std::string sums = "b, count(*)";
    for (std::size_t i = 0; i < query_.fields.size(); ++i) {
      const auto name = "f" + std::to_string(i);
      values += ", " + field_of(query_.fields[i], layout) + " AS " + name;
      sums +=
          ", count(" + name + "), " + sum_of(name, kind) + ", min(" + name + "), max(" + name + ")";
    }
    return read_.rows("SELECT " + sums + " FROM (SELECT " + values + " FROM " + layout.table() +
                          conditions.where() + ") e GROUP BY b ORDER BY b" +
                          (query_.descending ? " DESC" : "") + " LIMIT " + std::to_string(buckets),
                      conditions.parameters());
  }

  void add(const PostgresqlRows& rows, int row) {
    Bucket bucket{.start = time_of(load(rows.bytes(row, 0)) * bucket_ms_ - offset_ms_),
                  .events = static_cast<std::uint64_t>(load(rows.bytes(row, 1))),
                  .fields = {}};
    int at = 2;
    for (std::size_t i = 0; i < query_.fields.size(); ++i, at += 4) {
      FieldSummary field;
      field.count = static_cast<std::uint64_t>(load(rows.bytes(row, at)));
      if (field.count > 0) {
        field.sum = std::bit_cast<double>(load(rows.bytes(row, at + 1)));
        field.min = std::bit_cast<double>(load(rows.bytes(row, at + 2)));
        field.max = std::bit_cast<double>(load(rows.bytes(row, at + 3)));
      }
      bucket.fields.push_back(field);
    }
    answer_.buckets.push_back(std::move(bucket));
  }

  const PostgresqlRead& read_;
  const AggregateQuery& query_;
  const PostgresqlPlan& plan_;
  const std::int64_t bucket_ms_;
  const std::int64_t offset_ms_;  // whole buckets
  const std::size_t limit_;
  PlaceRange rest_;
  Buckets answer_;
};

}  // namespace

Result<Buckets> read_buckets(const PostgresqlRead& read, const AggregateQuery& query,
                             const PostgresqlPlan& plan) {
  return BucketReader(read, query, plan).run();
}

}  // namespace tributary::collector
