#include "collector/store/postgresql_plan.h"

#include <algorithm>

#include "collector/store/filter.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

using Kind = PostgresqlColumn::Kind;
using nlohmann::json;

std::string canonical_text(const json& value) {
  std::string text;
  append_canonical(value, text);
  return text;
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

bool has_nul(const json& value) {
  const auto* const text = value.get_ptr<const std::string*>();
  return text != nullptr && has_nul(std::string_view(*text));
}

// "(a, b) > (x, y)"
std::string comparison(const std::vector<std::string>& left, std::string_view sign,
                       const std::vector<std::string>& right) {
  const auto row = [](const std::vector<std::string>& parts) {
    std::string text = "(";
    for (const auto& part : parts) text += (text.size() == 1 ? "" : ", ") + part;
    return text + ")";
  };
  return row(left).append(" ").append(sign).append(" ") + row(right);
}

}  // namespace

std::string extra_member(std::string_view name) {
  return "(_tributary_extra -> " + quoted_text(name) + "::text)";
}

std::string PostgresqlConditions::parameter(std::string text, std::string_view type) {
  parameters_.push_back(std::move(text));
  return "$" + std::to_string(parameters_.size()) + "::" + std::string(type);
}

Result<PostgresqlPlan> PostgresqlPlan::of(std::span<const Filter> filters,
                                          const PostgresqlCodec& codec) {
  PostgresqlPlan plan(codec);
  for (const auto& filter : filters) {
    TRIBUTARY_ASSIGN(auto values, filter_values(filter, codec.schema()));
    if (filter.field == codec.schema().time()) continue;
    const auto* const column = codec.layout().column(filter.field);
    if (column != nullptr && column->indexed) {
      const auto [known, added] = plan.fixed_.emplace(filter.field, values.front());
      plan.impossible_ |= known->second != values.front();
    }
    std::erase_if(values, [](const json& value) { return has_nul(value); });
    plan.impossible_ |= values.empty() || has_nul(std::string_view(filter.field));
    plan.conditions_.push_back({.field = filter.field, .values = std::move(values)});
  }
  return plan;
}

void PostgresqlPlan::append_filters(PostgresqlConditions& to) const {
  for (const auto& [field, values] : conditions_) {
    const auto* const column = codec_->layout().column(field);
    const auto in_json = [&, &wanted = values] {
      std::string list;
      for (const auto& value : wanted) {
        list += (list.empty() ? "IN (" : ", ") + to.parameter(canonical_text(value), "jsonb");
      }
      return list + ")";
    };
    if (column == nullptr) {
      to.add(extra_member(field) + " " + in_json());
    } else if (column->kind == Kind::nested) {
      to.add("coalesce(" + extra_member(field) + ", " + quoted_name(field) + "::jsonb) " +
             in_json());
    } else {
      const auto held = PostgresqlCodec::parameter(*column, values.front());
      const auto equals = !held ? "false"
                                : codec_->layout().comparable(field) + " = " +
                                      to.parameter(*held, type_of(column->kind));
      to.add(column->indexed
                 ? equals
                 : "coalesce(" + extra_member(field) + " " + in_json() + ", " + equals + ")");
    }
  }
}

void PostgresqlPlan::append_range(const PlaceRange& range, const std::optional<json>& after,
                                  PostgresqlConditions& to) const {
  // Rows of others may have times that no event has.
  constexpr std::int64_t kFirstSecond = -62'135'596'800;
  constexpr std::int64_t kBehindLastSecond = 253'402'300'800;
  auto [lower, upper] = range;
  if (lower.time.seconds < kFirstSecond) lower = {.time = {.seconds = kFirstSecond}, .key = {}};
  if (upper.time.seconds > kBehindLastSecond) {
    upper = {.time = {.seconds = kBehindLastSecond}, .key = {}};
  }
  append_place(lower, false, after, to);
  append_place(upper, true, after, to);
}

void PostgresqlPlan::append_place(const Keyset& place, bool upper, const std::optional<json>& after,
                                  PostgresqlConditions& to) const {
  const auto& layout = codec_->layout();
  const auto time = PostgresqlTime::of(place.time);
  const std::vector<std::string> time_fields{layout.comparable(layout.time()),
                                             layout.comparable(layout.time_ns())};
  const std::vector<std::string> time_values{
      to.parameter(time.text(), "timestamptz"),
      to.parameter(std::to_string(time.nanoseconds), "integer")};
  const bool with_key = after && !place.key.empty();
  // A cursor from a query for another series stands between two of this one's events, or at its
  // side: then the index is entered by the time alone.
  const bool exact = with_key && is_of_fixed(*after);
  if (!exact) {
    to.add(comparison(time_fields, upper ? (with_key ? "<=" : "<") : ">=", time_values));
  }
  if (!with_key) return;
  auto fields = time_fields;
  auto values = time_values;
  for (const auto& field : layout.order()) {
    const auto* const column = layout.column(field);
    if (column == nullptr || field == layout.time() || (exact && fixed_.contains(field))) continue;
    fields.push_back(layout.comparable(field));
    values.push_back(to.parameter(
        PostgresqlCodec::parameter(*column, after->at(field)).value_or(""), type_of(column->kind)));
  }
  to.add(comparison(fields, upper ? "<" : ">", values));
}

bool PostgresqlPlan::is_of_fixed(const json& key) const {
  return std::ranges::all_of(fixed_, [&key](const auto& fixed) {
    const auto member = key.find(fixed.first);
    return member == key.end() || *member == fixed.second;
  });
}

std::string PostgresqlPlan::order(bool descending) const {
  std::string text;
  for (const auto& field : codec_->layout().order()) {
    if (fixed_.contains(field)) continue;
    text += (text.empty() ? " ORDER BY " : ", ") + codec_->layout().comparable(field, "t.") +
            (descending ? " DESC" : "");
  }
  return text;
}

}  // namespace tributary::collector
