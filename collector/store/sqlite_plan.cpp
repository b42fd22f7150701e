#include "collector/store/sqlite_plan.h"

#include <algorithm>

#include "collector/store/canonical_member.h"
#include "collector/store/filter.h"
#include "shared/event/json.h"

namespace tributary::collector {

Result<SqlitePlan> SqlitePlan::of(const Query& query, const SqliteLayout& layout,
                                  const Schema& schema) {
  SqlitePlan plan{
      .range = PlaceRange::of(query, schema), .field = {}, .field_value = {}, .conditions = {}};
  for (const auto& filter : query.filters) {
    TRIBUTARY_ASSIGN(auto values, filter_values(filter, schema));
    Condition condition{.name = canonical_text(filter.field), .texts = {}};
    for (const auto& value : values) condition.texts.push_back(canonical_text(value));
    plan.conditions.push_back(std::move(condition));

    const auto field = std::ranges::find(layout.fields(), filter.field, &SqliteField::name);
    if (field != layout.fields().end() && !plan.field && values.size() == 1) {
      plan.field = static_cast<std::size_t>(field - layout.fields().begin());
      plan.field_value = std::move(values.front());
    }
  }
  return plan;
}

void SqlitePlan::bind(SqliteStatement& select, const PlaceRange& within) const {
  bind_range(select, within);
  if (field) bind_field(select, kFieldOfRange, &field_value);
}

bool SqlitePlan::matches(std::string_view event) const {
  return std::ranges::all_of(conditions, [event](const Condition& condition) {
    const auto text = canonical_member(event, condition.name);
    return text && std::ranges::find(condition.texts, *text) != condition.texts.end();
  });
}

std::string canonical_text(const nlohmann::json& value) {
  std::string text;
  append_canonical(value, text);
  return text;
}

}  // namespace tributary::collector
