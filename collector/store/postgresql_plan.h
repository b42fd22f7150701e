#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "collector/store/place_range.h"
#include "collector/store/postgresql_codec.h"
#include "collector/store/store.h"

namespace tributary::collector {

// What the rows of a statement have to hold, with its parameters.
class PostgresqlConditions {
 public:
  // "$3::bigint", for a parameter of this type.
  std::string parameter(std::string text, std::string_view type);
  void add(const std::string& condition) {
    where_ += (where_.empty() ? " WHERE " : " AND ") + condition;
  }

  [[nodiscard]] const std::string& where() const { return where_; }  // with its keyword, or empty
  [[nodiscard]] const std::vector<std::string>& parameters() const { return parameters_; }

 private:
  std::string where_;
  std::vector<std::string> parameters_;
};

// What a query's filters mean for a table. Fields of the key and the series that have one value
// leave the order of the rest to one of the layout's indexes. Filters by the time are none of its
// conditions: they belong to the range. Points to the codec.
class PostgresqlPlan {
 public:
  // errc::invalid_argument names the filter that can't be.
  static Result<PostgresqlPlan> of(std::span<const Filter> filters, const PostgresqlCodec& codec);

  // No row can fit.
  [[nodiscard]] bool impossible() const { return impossible_; }
  void append_filters(PostgresqlConditions& to) const;
  // `after`: the values of the key of a place in the range that has one.
  void append_range(const PlaceRange& range, const std::optional<nlohmann::json>& after,
                    PostgresqlConditions& to) const;
  // " ORDER BY …", of a table that the statement calls t.
  [[nodiscard]] std::string order(bool descending) const;

 private:
  struct Condition {
    std::string field;
    std::vector<nlohmann::json> values;  // one of them
  };

  explicit PostgresqlPlan(const PostgresqlCodec& codec) : codec_(&codec) {}
  void append_place(const Keyset& place, bool upper, const std::optional<nlohmann::json>& after,
                    PostgresqlConditions& to) const;
  [[nodiscard]] bool is_of_fixed(const nlohmann::json& key) const;

  const PostgresqlCodec* codec_;
  std::vector<Condition> conditions_;
  std::map<std::string, nlohmann::json> fixed_;
  bool impossible_ = false;
};

// A member that every row holds in jsonb, as an expression; NULL where it isn't.
std::string extra_member(std::string_view name);

}  // namespace tributary::collector
