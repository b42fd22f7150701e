#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/timestamp.h"
#include "shared/event/problem.h"
#include "shared/event/schema.h"

namespace tributary {

// Adds one key field of an event in the order-preserving encoding of CANONICAL.md; its times and
// UUIDs are in canonical form already. A problem when it is missing or of another type.
std::optional<Problem> append_key_field(const nlohmann::json& event, const SchemaField& field,
                                        std::string& to);

// The values of an event's key fields, as an object in canonical form: what the events with this
// key (Event::key) have in them. Nothing when no event of the schema can have it.
std::optional<nlohmann::json> decode_key(const Schema& schema, std::string_view key);

}  // namespace tributary
