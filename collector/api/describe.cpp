#include "collector/api/describe.h"

#include "collector/api/format.h"
#include "collector/store/store.h"
#include "shared/http/problem.h"

namespace tributary::collector {

HttpParameter time_parameter(std::string name, std::string description) {
  return {
      .name = std::move(name),
      .description = std::move(description) + " RFC 3339 with an offset.",
      .schema = R"({"type":"string","format":"date-time","examples":["2026-01-21T10:00:00Z"]})"};
}

HttpParameter limit_parameter(std::uint64_t json_default) {
  const auto most = std::to_string(kPageEventsMax);
  return {.name = "limit",
          .description = "At most so many. JSON: " + std::to_string(json_default) +
                         " when it is missing, at most " + most + "; NDJSON and CSV: no limit.",
          .schema = R"({"type":"integer","minimum":1})"};
}

HttpParameter order_parameter() {
  return {.name = "order",
          .description = "By time.",
          .schema = R"({"type":"string","enum":["asc","desc"],"default":"asc"})"};
}

HttpParameter cursor_parameter() {
  return {.name = "cursor", .description = "Goes on where an answer ended: its `next`."};
}

HttpParameter format_parameter() {
  return {.name = "format",
          .description = "Goes before what Accept says.",
          .schema = R"({"type":"string","enum":["json","ndjson","csv"],"default":"json"})"};
}

HttpParameter flag_parameter(std::string name, std::string description) {
  return {.name = std::move(name),
          .description = std::move(description),
          .schema = R"({"type":"boolean","default":false})"};
}

std::vector<HttpAnswer> rows_answers(std::string_view row_schema) {
  const std::string row(row_schema);
  return {
      {.status = 200,
       .description = "What was asked for.",
       .content =
           {{.type = "application/json",
             .schema = object_schema(
                 {{"data", R"({"type":"array","items":)" + row + "}"},
                  {"next",
                   R"({"type":["string","null"],"description":"The next page's cursor."})"}})},
            {.type = "application/x-ndjson",
             .schema = R"({"type":"string","description":"One object a line."})"},
            {.type = "text/csv",
             .schema =
                 R"({"type":"string","description":"RFC 4180 with a header; nested members as location.latitude."})"}}},
      {.status = 406,
       .description = "None of " + std::string(kMediaTypes) + " is acceptable.",
       .content = {problem_content()}}};
}

HttpAnswer not_modified() { return {.status = 304, .description = "The client has it already."}; }

HttpResponse not_acceptable() { return problem(406, "offered are " + std::string(kMediaTypes)); }

}  // namespace tributary::collector
