#include "collector/store/series_id.h"

#include <nlohmann/json.hpp>

#include "collector/store/filter.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

using nlohmann::json;
using Type = SchemaField::Type;

bool is_text(Type type) { return type == Type::string || type == Type::time || type == Type::uuid; }

}  // namespace

Result<json> parse_series_id(std::string_view id, const Schema& schema) {
  const auto& series = schema.series();
  const auto value = parse_json(id, 1);
  const auto* text = value ? value->get_ptr<const json::string_t*>() : nullptr;
  if (!value || is_text(schema.field(series)->type) != (text != nullptr)) {
    return fail(errc::invalid_argument, "the cursor names no series of " + schema.name());
  }
  TRIBUTARY_ASSIGN(
      auto values,
      filter_values({.field = series, .value = text ? *text : std::string(id)}, schema));
  return std::move(values.front());
}

}  // namespace tributary::collector
