#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/place_range.h"
#include "collector/store/sqlite_layout.h"
#include "collector/store/store.h"

namespace tributary::collector {

// What a query's range and filters mean for SQLite: which index is gone along, from where to where,
// and what the events there have to hold.
struct SqlitePlan {
  struct Condition {
    std::string name;                // canonical text of the member's name
    std::vector<std::string> texts;  // canonical text of the values that match
  };

  PlaceRange range;
  std::optional<std::size_t> field;  // whose index is used
  nlohmann::json field_value;
  std::vector<Condition> conditions;

  // errc::invalid_argument names the filter that can't be.
  static Result<SqlitePlan> of(const Query& query, const SqliteLayout& layout,
                               const Schema& schema);

  // For a statement of SqliteLayout::select_sql; the plan must outlive its steps.
  void bind(SqliteStatement& select) const { bind(select, range); }
  void bind(SqliteStatement& select, const PlaceRange& within) const;
  [[nodiscard]] bool matches(std::string_view event) const;
};

// The canonical text of a value.
std::string canonical_text(const nlohmann::json& value);

}  // namespace tributary::collector
