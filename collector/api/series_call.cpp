#include "collector/api/series_call.h"

#include <array>
#include <utility>

#include "collector/api/csv.h"
#include "collector/api/describe.h"
#include "collector/api/parameters.h"
#include "collector/api/rows.h"
#include "shared/base/base64url.h"
#include "shared/base/json_string.h"
#include "shared/http/problem.h"

namespace tributary::collector {
namespace {

constexpr std::uint64_t kLimitDefault = 100;
constexpr std::array<std::string_view, 4> kParameters{"limit", "cursor", "format", "meta"};

std::string row_of(const Series& series, const std::string& name) {
  return '{' + json_string(name) + ':' + series.id + R"(,"first":")" + series.first.text() +
         R"(","last":")" + series.last.text() + R"(","latest":)" + series.latest + '}';
}

// Goes on behind the last series that it gave.
ReadRows reader(Store& store, SeriesQuery query, std::string name) {
  return [&store, query = std::move(query),
          name = std::move(name)](std::size_t limit) mutable -> Result<RowPage> {
    query.limit = limit;
    TRIBUTARY_ASSIGN(const auto found, store.series(query));
    RowPage page;
    for (const auto& series : found.series) page.rows.push_back(row_of(series, name));
    if (!found.more || found.series.empty()) return page;
    query.after = found.series.back().id;
    page.next = base64url(as_bytes(*query.after));
    return page;
  };
}

}  // namespace

void answer_series(const HttpRequest& request, HttpResponder responder, Pipeline& pipeline) {
  const auto& schema = pipeline.config.schema;
  if (schema.series().empty()) {
    return responder.respond(problem(404, "the schema of pipeline " + pipeline.config.name +
                                              " names no series (x-tributary: series)"));
  }
  Parameters parameters(request, schema, kParameters);
  const auto format = parameters.format();
  if (!format) return responder.respond(not_acceptable());
  RowsRequest rows{.format = *format, .limit = parameters.limit(*format, kLimitDefault)};
  SeriesQuery query{.meta = parameters.flag("meta")};
  parameters.refuse_filters();
  if (const auto cursor = parameters.value("cursor")) {
    if (const auto id = from_base64url(*cursor); id && !id->empty()) {
      query.after = as_text(*id);
    } else {
      parameters.refuse("cursor", kWrongCursor);
    }
  }
  if (!parameters.mistakes().empty()) return responder.respond(problem(400, parameters.mistakes()));
  if (rows.format == Format::csv) {
    rows.columns = {schema.series(), "first", "last"};
    for (const auto& column : csv_columns(schema)) rows.columns.push_back("latest." + column);
  }
  answer_rows(std::move(responder), rows,
              reader(*pipeline.store, std::move(query), schema.series()));
}

HttpOperation series_operation() {
  return {
      .id = "getSensors",
      .summary = "Each series with its latest event",
      .description =
          "The series of `{pipeline}`, ordered by their names, each with the times of its first "
          "and its last event and with the latest event: by event time, so that what comes late "
          "replaces nothing newer. JSON comes in pages: give `next` as `cursor`.",
      .parameters = {limit_parameter(kLimitDefault), cursor_parameter(), format_parameter(),
                     flag_parameter("meta", "`latest` with the member `_tributary`.")},
      .answers = rows_answers(object_schema({{"first", R"({"type":"string","format":"date-time"})"},
                                             {"last", R"({"type":"string","format":"date-time"})"},
                                             {"latest", std::string(kEventSchema)}}))};
}

}  // namespace tributary::collector
