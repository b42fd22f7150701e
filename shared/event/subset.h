#pragma once

#include <nlohmann/json.hpp>

#include "shared/base/result.h"
#include "shared/event/checks.h"

namespace tributary {

// What a JSON Schema asks of a value, in two parts, each checked by another.
struct Subset {
  nlohmann::json for_valijson;
  Checks checks;
};

// Refuses whatever SCHEMA.md doesn't list, anywhere in the schema: errc::unsupported for a keyword
// or a value of one that is JSON Schema but not ours, errc::invalid_argument for what is no schema;
// the error starts with the JSON Pointer. The member `x-tributary` is left to its reader.
Result<Subset> read_subset(const nlohmann::json& schema);

}  // namespace tributary
