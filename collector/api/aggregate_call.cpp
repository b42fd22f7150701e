#include "collector/api/aggregate_call.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ranges>
#include <utility>

#include "collector/api/describe.h"
#include "collector/api/parameters.h"
#include "collector/api/rows.h"
#include "shared/base/duration.h"
#include "shared/base/json_string.h"
#include "shared/event/json.h"
#include "shared/http/problem.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kLimitDefault = 1'000;
constexpr std::size_t kFieldsMax = 32;
constexpr std::chrono::milliseconds kBucketDefault = 1min;
constexpr std::chrono::milliseconds kBucketMost = 24h * 3660;
constexpr std::array<std::string_view, 9> kParameters{
    "start", "end", "bucket", "fields", "functions", "limit", "order", "cursor", "format"};

// A number as JSON, null where there is none.
std::string number(double value) {
  std::string text;
  append_canonical(std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(), text);
  return text;
}

// Of those numbers; null where a function has no answer for none.
struct Function {
  std::string_view name;
  std::string (*value)(const FieldSummary&);
};

constexpr std::array<Function, 5> kFunctions{
    Function{"avg",
             [](const FieldSummary& of) { return number(of.sum / static_cast<double>(of.count)); }},
    Function{"min", [](const FieldSummary& of) { return number(of.min); }},
    Function{"max", [](const FieldSummary& of) { return number(of.max); }},
    Function{"sum", [](const FieldSummary& of) { return number(of.sum); }},
    Function{"count", [](const FieldSummary& of) { return std::to_string(of.count); }}};
constexpr std::string_view kFunctionsDefault = "avg,min,max,count";

// Splits "a,b"; an empty text has no parts.
std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  if (text.empty()) return parts;
  for (const auto part : std::views::split(text, ',')) parts.emplace_back(part.begin(), part.end());
  return parts;
}

// The numbers that a schema declares at the top level, without those that say which event it is.
std::string default_fields(const Schema& schema) {
  std::string names;
  for (const auto& field : schema.fields()) {
    const bool is_number =
        field.type == SchemaField::Type::number || field.type == SchemaField::Type::integer;
    const bool names_event = field.name == schema.series() ||
                             std::ranges::count(schema.key(), field.name) > 0 ||
                             field.name.find_first_of(".,") != std::string::npos;
    if (is_number && !names_event) names += (names.empty() ? "" : ",") + field.name;
  }
  return names;
}

struct AggregateRequest {
  RowsRequest rows;
  AggregateQuery query;
  std::vector<std::string> names;  // of the query's fields, as they were asked for
  std::vector<const Function*> functions;
};

class AggregateReader {
 public:
  AggregateReader(const HttpRequest& request, const Schema& schema)
      : schema_(schema), parameters_(request, schema, kParameters) {}

  std::expected<AggregateRequest, HttpResponse> read() {
    const auto format = parameters_.format();
    if (!format) return std::unexpected(not_acceptable());
    request_.rows = {.format = *format, .limit = parameters_.limit(*format, kLimitDefault)};
    auto& query = request_.query;
    query.filters = parameters_.filters();
    query.start = parameters_.time("start");
    query.end = parameters_.time("end");
    query.after = parameters_.time("cursor");
    query.descending = parameters_.descending();
    read_bucket();
    if (query.after) query.after = bucket_start(*query.after, query.bucket);
    read_fields();
    read_functions();
    if (!parameters_.mistakes().empty()) {
      return std::unexpected(problem(400, parameters_.mistakes()));
    }
    name_columns();
    return std::move(request_);
  }

 private:
  void read_bucket() {
    auto& bucket = request_.query.bucket;
    bucket = kBucketDefault;
    const auto text = parameters_.value("bucket");
    if (!text) return;
    const auto milliseconds = parse_milliseconds(*text);
    const bool whole = milliseconds && *milliseconds >= 1 &&
                       *milliseconds <= static_cast<double>(kBucketMost.count()) &&
                       *milliseconds == std::floor(*milliseconds);
    if (!whole) {
      return parameters_.refuse(
          "bucket",
          "is no duration from 1ms to " + duration_text(kBucketMost) + ", as 5m (ms, s, m, h, d)");
    }
    bucket = std::chrono::milliseconds(std::llround(*milliseconds));
  }

  void read_fields() {
    const auto given = parameters_.value("fields");
    const auto names = given ? std::string(*given) : default_fields(schema_);
    for (auto& name : parts_of(names)) {
      const bool escaped = name.starts_with(kFieldPrefix);
      const auto text = std::string_view(name).substr(escaped ? kFieldPrefix.size() : 0);
      auto path = parse_field_path(text);
      if (!path) {
        return parameters_.refuse("fields", "names no field with \"" + name + "\"");
      }
      if (name == "start" || name == "count") {
        return parameters_.refuse(
            "fields", "has " + name + ", which every bucket has already: write where." + name);
      }
      if (std::ranges::count(request_.names, name) > 0) {
        return parameters_.refuse("fields", "names " + name + " twice");
      }
      request_.query.fields.push_back(std::move(*path));
      request_.names.push_back(std::move(name));
    }
    if (request_.names.size() > kFieldsMax) {
      parameters_.refuse("fields", "names more than " + std::to_string(kFieldsMax));
    }
  }

  void read_functions() {
    for (const auto& name : parts_of(parameters_.value("functions").value_or(kFunctionsDefault))) {
      const auto* const function = std::ranges::find(kFunctions, name, &Function::name);
      if (function == kFunctions.end()) {
        return parameters_.refuse("functions",
                                  "has \"" + name + "\": there are avg, min, max, sum and count");
      }
      if (std::ranges::count(request_.functions, function) == 0) {
        request_.functions.push_back(function);
      }
    }
    if (request_.functions.empty()) parameters_.refuse("functions", "names none");
  }

  void name_columns() {
    request_.rows.all_columns = true;
    auto& columns = request_.rows.columns;
    columns = {"start", "count"};
    for (const auto& name : request_.names) {
      for (const auto* function : request_.functions) {
        columns.push_back(name + "." + std::string(function->name));
      }
    }
  }

  const Schema& schema_;
  Parameters parameters_;
  AggregateRequest request_;
};

// A bucket may begin before the first year that a time can be written in: it is named by that
// year's begin, and found again by whatever time lies in it.
std::string name_of(Timestamp start) {
  constexpr Timestamp kFirst{.seconds = -62'135'596'800};  // 0001-01-01T00:00:00Z
  return std::max(start, kFirst).text();
}

std::string row_of(const Bucket& bucket, const AggregateRequest& request) {
  auto row =
      R"({"start":")" + name_of(bucket.start) + R"(","count":)" + std::to_string(bucket.events);
  for (std::size_t i = 0; i < request.names.size(); ++i) {
    row += ',' + json_string(request.names[i]) + ":{";
    for (const auto* function : request.functions) {
      if (row.back() != '{') row += ',';
      row += '"' + std::string(function->name) + "\":" + function->value(bucket.fields[i]);
    }
    row += '}';
  }
  return row += '}';
}

// Goes on behind the last bucket that it gave.
ReadRows reader(Store& store, AggregateRequest request) {
  return [&store, request = std::move(request)](std::size_t limit) mutable -> Result<RowPage> {
    request.query.limit = limit;
    TRIBUTARY_ASSIGN(const auto found, store.aggregate(request.query));
    RowPage page;
    for (const auto& bucket : found.buckets) page.rows.push_back(row_of(bucket, request));
    if (found.next) page.next = name_of(*found.next);
    request.query.after = found.next;
    return page;
  };
}

}  // namespace

void answer_aggregate(const HttpRequest& request, HttpResponder responder, Pipeline& pipeline) {
  auto read = AggregateReader(request, pipeline.config.schema).read();
  if (!read) return responder.respond(std::move(read).error());
  const auto rows = read->rows;
  answer_rows(std::move(responder), rows, reader(*pipeline.store, std::move(*read)));
}

HttpOperation aggregate_operation() {
  return {
      .id = "getAggregate",
      .summary = "Averages, extremes and counts in buckets of time",
      .description =
          "What the events of `{pipeline}` with start ≤ time < end come to, in buckets that begin "
          "at whole multiples of `bucket` since 1970-01-01T00:00:00Z; empty ones are left out. "
          "Every parameter that is not listed filters by the top-level field of its name, as in "
          "/data. `count` of a bucket is that of its events, `count` of a field that of the "
          "numbers which it had.",
      .parameters =
          {time_parameter("start", "The earliest time, included."),
           time_parameter("end", "The latest time, excluded."),
           {.name = "bucket",
            .description = "How long a bucket is: a number with ms, s, m, h or d.",
            .schema =
                R"({"type":"string","default":"1m","pattern":"^[0-9]+([.][0-9]+)? ?(ms|s|m|min|h|d)$","examples":["5m"]})"},
           {.name = "fields",
            .description = "Names with commas between them; a member of a nested object as "
                           "location.latitude. Without it: the numbers that the schema declares.",
            .schema = R"({"type":"string","examples":["temperature"]})"},
           {.name = "functions",
            .description = "Of avg, min, max, sum and count, with commas between them.",
            .schema = R"({"type":"string","default":")" + std::string(kFunctionsDefault) +
                      R"(","pattern":"^(avg|min|max|sum|count)(,(avg|min|max|sum|count))*$"})"},
           limit_parameter(kLimitDefault),
           order_parameter(),
           cursor_parameter(),
           format_parameter(),
           {.name = std::string(kFieldParameter),
            .description = "Only events whose `{field}` has this value."}},
      .answers = rows_answers(
          R"({"type":"object","properties":{"start":{"type":"string","format":"date-time"},"count":{"type":"integer","minimum":1}},"required":["start","count"],"additionalProperties":{"type":"object","additionalProperties":{"type":["number","null"]}}})")};
}

}  // namespace tributary::collector
