#include "collector/store/postgresql_series.h"

#include <algorithm>

#include "collector/store/page_builder.h"
#include "collector/store/postgresql_plan.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

using nlohmann::json;

// Latest events that are asked for at a time: their bytes are known only when they are here.
constexpr std::size_t kSeriesMax = 100;

// A loose index scan: each step of the recursion looks for the next value of the index's first
// column, and the statement's LIMIT ends it. The first time comes last.
std::string statement(const PostgresqlLayout& layout, const PostgresqlColumn& series,
                      const std::string& behind, std::size_t limit) {
  const auto field = layout.comparable(series.name);
  const bool text = field.ends_with(R"( COLLATE "C")");
  const auto value = quoted_name(series.name) + "::" + std::string(type_of(series.kind)) +
                     (text ? R"( COLLATE "C")" : "");
  const auto next = [&](const std::string& from) {
    return "(SELECT " + value + " AS v FROM " + layout.table() +
           (from.empty() ? "" : " WHERE " + field + " > " + from) + " ORDER BY " + field +
           " LIMIT 1)";
  };
  const auto end = [&](const std::string& columns, std::string_view direction) {
    auto sql = "(SELECT " + columns + " FROM " + layout.table() + " WHERE " + field +
               " = s.v ORDER BY " + field + std::string(direction);
    for (const auto& ordered : layout.order()) {
      if (ordered != series.name) sql += ", " + layout.comparable(ordered) + std::string(direction);
    }
    return sql + " LIMIT 1)";
  };
  return "WITH RECURSIVE s (v) AS (" + next(behind) + " UNION ALL SELECT " + next("s.v") +
         " FROM s WHERE s.v IS NOT NULL) SELECT " + layout.select_list("l.") +
         ", f.t, f.n FROM s, " + "LATERAL " +
         end(quoted_name(layout.time()) + " AS t, " + quoted_name(layout.time_ns()) + " AS n", "") +
         " f, LATERAL " + end("*", " DESC") + " l WHERE s.v IS NOT NULL LIMIT " +
         std::to_string(limit);
}

}  // namespace

Result<SeriesPage> read_series(const PostgresqlRead& read, const SeriesQuery& query,
                               std::optional<json> after) {
  const auto& codec = read.codec();
  const auto& series = *read.layout().column(codec.schema().series());
  const auto limit = std::clamp<std::size_t>(query.limit, 1, kPageEventsMax);
  const auto first_at = read.layout().select_size();
  SeriesPage page;
  std::size_t bytes = 0;
  for (;;) {
    const auto asked = std::min(limit + 1 - page.series.size(), kSeriesMax);
    PostgresqlConditions conditions;
    std::string behind;
    if (after) {
      const auto value = PostgresqlCodec::parameter(series, *after);
      if (!value)
        return fail(errc::invalid_argument, "the cursor names no series that there can be");
      behind = conditions.parameter(*value, type_of(series.kind));
    }
    TRIBUTARY_ASSIGN(const auto rows, read.rows(statement(read.layout(), series, behind, asked),
                                                conditions.parameters()));
    for (int row = 0; row < rows.size(); ++row) {
      const auto event = codec.decode(rows, row);
      const auto place = codec.place_of(event);
      after = event.at(series.name);
      const auto first = PostgresqlCodec::decode_time(rows, row, first_at, first_at + 1);
      if (!place || !first) continue;  // of others
      if (page.series.size() == limit || bytes >= kPageBytesMax) {
        page.more = true;
        return page;
      }
      Series one{.id = {}, .first = *first, .last = place->time, .latest = {}};
      append_canonical(event.at(series.name), one.id);
      append_canonical(event, one.latest);
      if (query.meta) one.latest = with_meta(std::move(one.latest), codec.decode_meta(rows, row));
      bytes += one.latest.size();
      page.series.push_back(std::move(one));
    }
    if (static_cast<std::size_t>(rows.size()) < asked) return page;
  }
}

}  // namespace tributary::collector
