#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "collector/store/mongodb_codec.h"
#include "collector/store/mongodb_layout.h"
#include "collector/store/store.h"

namespace tributary::collector {

// Along which of our indexes events are looked for, and what its places don't say. Filters by the
// time are none of its conditions: they belong to the range. Points into the layout.
struct MongodbPlan {
  struct Condition {
    std::string field;
    std::vector<nlohmann::json> values;  // one of them
  };

  std::vector<Condition> conditions;            // beside the fields of the index that are fixed
  std::map<std::string, nlohmann::json> fixed;  // the values that filters prescribe, by field
  const MongodbIndex* index = nullptr;          // what is read of it is in the order of queries
  std::size_t index_number = 0;                 // of the layout's
  std::size_t index_fixed = 0;                  // how many of its first fields have one value

  // errc::invalid_argument names the filter that can't be.
  static Result<MongodbPlan> of(std::span<const Filter> filters, const MongodbCodec& codec,
                                const MongodbLayout& layout);

  // At most one: all fields of the unique index are fixed.
  [[nodiscard]] bool one_event() const { return index_fixed == index->fields.size(); }
  // No event fits, as no document has such a name.
  [[nodiscard]] bool impossible() const;

  // Members of a filter ($match): that the fixed fields of the index have their values; that the
  // conditions hold.
  void append_fixed(const MongodbCodec& codec, bson_t* to) const;
  void append_conditions(const MongodbCodec& codec, bson_t* to) const;
};

// A member `name` (sort, $sort): the order of an index, or against it.
void append_order(bson_t* to, std::string_view name, const MongodbIndex& index, bool descending);

// A member `name`: the expression for a member of the document, by the names on the way to it, one
// at least and without a NUL. It takes any name literally.
void append_member(bson_t* to, std::string_view name, std::span<const std::string> path);

}  // namespace tributary::collector
