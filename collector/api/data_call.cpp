#include "collector/api/data_call.h"

#include <array>
#include <utility>

#include "collector/api/csv.h"
#include "collector/api/describe.h"
#include "collector/api/parameters.h"
#include "collector/api/rows.h"
#include "shared/http/problem.h"

namespace tributary::collector {
namespace {

constexpr std::uint64_t kLimitDefault = 100;
constexpr std::array<std::string_view, 7> kParameters{"start",  "end",    "limit", "order",
                                                      "cursor", "format", "meta"};

// Goes on behind the last event that it gave.
ReadRows reader(Store& store, Query query, std::string question) {
  return [&store, query = std::move(query),
          question = std::move(question)](std::size_t limit) mutable -> Result<RowPage> {
    query.limit = limit;
    TRIBUTARY_ASSIGN(auto page, store.query(query));
    RowPage rows{.rows = std::move(page.events)};
    if (page.next) rows.next = page.next->text(question);
    query.after = std::move(page.next);
    return rows;
  };
}

}  // namespace

void answer_data(const HttpRequest& request, HttpResponder responder, Pipeline& pipeline) {
  const auto& schema = pipeline.config.schema;
  Parameters parameters(request, schema, kParameters);
  const auto format = parameters.format();
  if (!format) return responder.respond(not_acceptable());
  RowsRequest rows{.format = *format, .limit = parameters.limit(*format, kLimitDefault)};
  Query query{.filters = parameters.filters(),
              .start = parameters.time("start"),
              .end = parameters.time("end"),
              .descending = parameters.descending(),
              .meta = parameters.flag("meta")};
  const auto question = pipeline.config.name + (query.descending ? " desc" : " asc");
  if (const auto cursor = parameters.value("cursor")) {
    query.after = Keyset::parse(*cursor, question);
    if (!query.after) parameters.refuse("cursor", kWrongCursor);
  }
  if (!parameters.mistakes().empty()) return responder.respond(problem(400, parameters.mistakes()));
  if (rows.format == Format::csv) rows.columns = csv_columns(schema);
  answer_rows(std::move(responder), rows, reader(*pipeline.store, std::move(query), question));
}

HttpOperation data_operation() {
  HttpOperation operation{
      .id = "getData",
      .summary = "Stored events, ordered by time",
      .description =
          "Events of `{pipeline}` with start ≤ time < end, ordered by time, then by key. Every "
          "parameter that is not listed filters by the top-level field of its name; a field that "
          "has the name of a parameter is written where.<field>. JSON comes in pages: give `next` "
          "as `cursor`, with the same other parameters, until it is null. NDJSON and CSV are one "
          "stream of all events, or of `limit`.",
      .parameters = {time_parameter("start", "The earliest time, included."),
                     time_parameter("end", "The latest time, excluded."),
                     limit_parameter(kLimitDefault),
                     order_parameter(),
                     cursor_parameter(),
                     format_parameter(),
                     flag_parameter("meta",
                                    "With the member `_tributary`: where an event came from, "
                                    "when it was received, and its hash."),
                     {.name = std::string(kFieldParameter),
                      .description = "Only events whose `{field}` has this value."}},
      .answers = rows_answers(kEventSchema)};
  return operation;
}

}  // namespace tributary::collector
