#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "collector/store/store.h"

namespace tributary::collector {

// The JSON values, in canonical form, that match a filter: one for a field that the schema declares
// with one scalar type; for any other the text itself and, when it is one, the number, true or
// false that it says. errc::invalid_argument ("temperature=warm: is not a number") when the field
// can't have that value.
Result<std::vector<nlohmann::json>> filter_values(const Filter& filter, const Schema& schema);

}  // namespace tributary::collector
