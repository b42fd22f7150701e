#pragma once

#include <cstddef>
#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "shared/event/problem.h"

namespace tributary {

// Strict JSON (RFC 8259): duplicate member names, invalid UTF-8, NaN and Infinity, integers outside
// of int64, numbers beyond double, nesting deeper than `nesting_max`, a byte order mark and bytes
// after the end are refused; the problem points to the place where the parser can tell it.
//
// A number that is integral and fits is an int64 in the document, however it was written (25, 25.0,
// 2.5e1); only other numbers are doubles. There are no unsigned ones.
std::expected<nlohmann::json, Problem> parse_json(std::string_view text, std::size_t nesting_max);

// Adds the canonical text of any JSON value: no space, members sorted by their names' bytes,
// numbers as CANONICAL.md says, only what must be escaped is escaped.
void append_canonical(const nlohmann::json& value, std::string& to);

// The same of one string, or of a finite number, that is no part of a JSON document.
void append_canonical_string(std::string_view text, std::string& to);
void append_canonical_number(double value, std::string& to);

// "a number", "an object", "null"
std::string kind_of(const nlohmann::json& value);
// "is a number: must be a string"
std::string wrong_kind(const nlohmann::json& value, std::string_view must_be);

// The records of a body or a payload: views of one JSON object each, not parsed any further than
// their ends. `text` is one object, an array (whose elements are the records), or NDJSON (blank
// lines are passed over). One array's broken element can't be told from the next, so an array
// whose brackets, strings and commas don't fit is one record, which its reader then refuses.
// `detect` takes a text for NDJSON when its first line holds all of its first value, or when its
// second line starts with a brace: what is neither is one record, say a pretty-printed object.
enum class Framing { detect, ndjson };
std::vector<std::string_view> split_records(std::string_view text, Framing framing);

}  // namespace tributary
