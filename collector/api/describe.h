#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/http/problem.h"
#include "shared/http/server.h"

// What the descriptions and the answers of several calls have in common.
namespace tributary::collector {

// Stands, as the name of a parameter, for one parameter for each scalar top-level field of the
// pipeline's schema; `{field}` in its description is the field's name.
inline constexpr std::string_view kFieldParameter = "{field}";
// Stands, as a JSON Schema, for that of one event as it is stored. (No pipeline has a dot in its
// name.)
inline constexpr std::string_view kEventSchema =
    R"({"$ref":"#/components/schemas/{pipeline}.stored"})";

inline constexpr std::string_view kWrongCursor =
    "is not what an answer gave as next: give it as it was";

HttpParameter time_parameter(std::string name, std::string description);
HttpParameter limit_parameter(std::uint64_t json_default);
HttpParameter order_parameter();
HttpParameter cursor_parameter();
HttpParameter format_parameter();
HttpParameter flag_parameter(std::string name, std::string description);

// To a response with an ETag.
HttpAnswer not_modified();
// Of a call that answers with rows of this JSON Schema: 200 in each format, and 406.
std::vector<HttpAnswer> rows_answers(std::string_view row_schema);

// 406
HttpResponse not_acceptable();

}  // namespace tributary::collector
