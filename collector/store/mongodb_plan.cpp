#include "collector/store/mongodb_plan.h"

#include <algorithm>

#include "collector/store/filter.h"

namespace tributary::collector {
namespace {

using nlohmann::json;
using Fixed = std::map<std::string, json>;

// How many of the index's first fields have one value, so that what is read of it is in the order
// of queries (or, with all of them, one event); 0 when it isn't.
std::size_t fixed_fields(const MongodbIndex& index, const Fixed& fixed,
                         const std::vector<std::string>& order) {
  const auto is_fixed = [&fixed](const auto& field) { return fixed.contains(field); };
  const auto rest = std::ranges::find_if_not(index.fields, is_fixed);
  if (rest == index.fields.end()) return index.unique ? index.fields.size() : 0;
  std::vector<std::string> ordered;
  std::ranges::copy_if(order, std::back_inserter(ordered), [&](const auto& field) {
    return std::find(index.fields.begin(), rest, field) == rest;
  });
  if (!std::equal(rest, index.fields.end(), ordered.begin(), ordered.end())) return 0;
  return static_cast<std::size_t>(rest - index.fields.begin());
}

// Whether a name may stand in a path such as "$a.b". That leads through arrays too, but to an array
// then.
bool is_plain(std::string_view name) {
  return !name.empty() && name.front() != '$' && name.find('.') == std::string_view::npos;
}

// A member is compared by an expression: it takes any name literally, and an array only as a whole.
void append_condition(bson_t* to, const MongodbCodec& codec,
                      const MongodbPlan::Condition& condition) {
  BsonObject expression(to, "$expr");
  BsonArray in(expression.get(), "$in");
  append_member(in.get(), in.next(), {&condition.field, 1});
  BsonObject list(in.get(), in.next());
  BsonArray literals(list.get(), "$literal");
  for (const auto& value : condition.values) {
    codec.append_field(condition.field, value, literals.next(), literals.get());
  }
}

}  // namespace

Result<MongodbPlan> MongodbPlan::of(std::span<const Filter> filters, const MongodbCodec& codec,
                                    const MongodbLayout& layout) {
  MongodbPlan plan;
  for (const auto& filter : filters) {
    TRIBUTARY_ASSIGN(auto values, filter_values(filter, codec.schema()));
    if (filter.field == codec.schema().time()) continue;
    if (values.size() == 1) plan.fixed.emplace(filter.field, values.front());
    plan.conditions.push_back({.field = filter.field, .values = std::move(values)});
  }
  for (std::size_t i = 0; i < layout.indexes().size(); ++i) {
    const auto& index = layout.indexes()[i];
    const auto fixed = fixed_fields(index, plan.fixed, layout.order());
    const bool in_order = fixed > 0 || index.fields == layout.order();
    if (!in_order || (plan.index != nullptr && fixed <= plan.index_fixed)) continue;
    plan.index = &index;
    plan.index_number = i;
    plan.index_fixed = fixed;
  }
  std::erase_if(plan.conditions, [&plan](const auto& condition) {
    const auto end = plan.index->fields.begin() + static_cast<std::ptrdiff_t>(plan.index_fixed);
    return std::find(plan.index->fields.begin(), end, condition.field) != end &&
           condition.values.front() == plan.fixed.at(condition.field);
  });
  return plan;
}

bool MongodbPlan::impossible() const {
  return std::ranges::any_of(conditions, [](const auto& condition) {
    return condition.field.find('\0') != std::string::npos;
  });
}

void MongodbPlan::append_fixed(const MongodbCodec& codec, bson_t* to) const {
  for (std::size_t i = 0; i < index_fixed; ++i) {
    const auto& field = index->fields[i];
    codec.append_field(field, fixed.at(field), field, to);
  }
}

void MongodbPlan::append_conditions(const MongodbCodec& codec, bson_t* to) const {
  if (conditions.empty()) return;
  BsonArray all(to, "$and");
  for (const auto& condition : conditions) {
    BsonObject one(all.get(), all.next());
    append_condition(one.get(), codec, condition);
  }
}

void append_order(bson_t* to, std::string_view name, const MongodbIndex& index, bool descending) {
  BsonObject order(to, name);
  for (const auto& field : index.fields) {
    append_integer(order.get(), field, descending ? -1 : 1);
  }
}

void append_member(bson_t* to, std::string_view name, std::span<const std::string> path) {
  if (path.empty()) {
    append_text(to, name, "$$ROOT");
    return;
  }
  if (std::ranges::all_of(path, is_plain)) {
    std::string text;
    for (const auto& step : path) text += (text.empty() ? "$" : ".") + step;
    append_text(to, name, text);
    return;
  }
  BsonObject member(to, name);
  BsonObject get(member.get(), "$getField");
  {
    BsonObject field(get.get(), "field");
    append_text(field.get(), "$literal", path.back());
  }
  append_member(get.get(), "input", path.first(path.size() - 1));
}

}  // namespace tributary::collector
