#include "collector/store/mongodb_reader.h"

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "collector/store/filter.h"
#include "collector/store/mongodb_error.h"
#include "collector/store/page_builder.h"
#include "collector/store/place_range.h"
#include "shared/event/json.h"
#include "shared/event/key.h"

namespace tributary::collector {
namespace {

using nlohmann::json;
using Fixed = std::map<std::string, json>;  // the values that filters prescribe, by field

constexpr std::size_t kBatchSizeMax = 1'000;
constexpr std::string_view kLiteral = "$literal";
constexpr auto kUnboundedBelow = std::numeric_limits<std::int64_t>::min();  // PlaceRange
constexpr auto kUnboundedAbove = std::numeric_limits<std::int64_t>::max();

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

void append_edge(bson_t* to, const std::string& field, bool last) {
  const auto size = static_cast<int>(field.size());
  if (last) {
    bson_append_maxkey(to, field.data(), size);
  } else {
    bson_append_minkey(to, field.data(), size);
  }
}

// A member is compared by an expression: it takes any name literally, and an array only as a whole.
void append_condition(bson_t* to, const MongodbCodec& codec, const Filter& filter,
                      const std::vector<json>& values) {
  BsonObject expression(to, "$expr");
  BsonArray in(expression.get(), "$in");
  {
    BsonObject member(in.get(), in.next());
    BsonObject get(member.get(), "$getField");
    {
      BsonObject name(get.get(), "field");
      append_text(name.get(), kLiteral, filter.field);
    }
    append_text(get.get(), "input", "$$ROOT");
  }
  BsonObject list(in.get(), in.next());
  BsonArray literals(list.get(), kLiteral);
  for (const auto& value : values) {
    codec.append_field(filter.field, value, literals.next(), literals.get());
  }
}

}  // namespace

// What a query means for MongoDB. The server may read more than the range: what it gives is held
// against the range again.
struct MongodbReader::Plan {
  struct Condition {
    const Filter* filter;
    std::vector<json> values;
  };

  PlaceRange range;
  std::optional<json> after;  // the key's values of the place behind which the query goes on
  std::vector<Condition> conditions;
  Fixed fixed;
  const MongodbIndex* index = nullptr;
  std::size_t index_number = 0;  // of the layout's
  std::size_t index_fixed = 0;   // how many of its fields have one value

  [[nodiscard]] bool one_event() const { return index_fixed == index->fields.size(); }
  [[nodiscard]] bool impossible() const {
    return range.empty() || std::ranges::any_of(conditions, [](const auto& condition) {
             return condition.filter->field.find('\0') != std::string::npos;
           });
  }

  void append_filter(const MongodbCodec& codec, bson_t* to) const {
    if (one_event()) {
      for (const auto& field : index->fields) codec.append_field(field, fixed.at(field), field, to);
    }
    if (conditions.empty()) return;
    BsonArray all(to, "$and");
    for (const auto& [filter, values] : conditions) {
      BsonObject one(all.get(), all.next());
      append_condition(one.get(), codec, *filter, values);
    }
  }

  void append_range(const MongodbCodec& codec, bool descending, bson_t* to) const {
    if (one_event()) return;
    {
      BsonObject sort(to, "sort");
      for (const auto& field : index->fields)
        append_integer(sort.get(), field, descending ? -1 : 1);
    }
    {
      BsonObject min(to, "min");
      append_bound(codec, range.lower, false, min.get());
    }
    BsonObject max(to, "max");
    append_bound(codec, range.upper, true, max.get());
  }

 private:
  // A place in the index; the lower one is within the range that the server reads, the upper one
  // not.
  void append_bound(const MongodbCodec& codec, const Keyset& place, bool upper, bson_t* to) const {
    const bool unbounded = place.time.seconds == (upper ? kUnboundedAbove : kUnboundedBelow);
    const auto time =
        unbounded ? MongodbTime{.milliseconds = place.time.seconds} : MongodbTime::of(place.time);
    // A cursor from a query for another series says nothing of this one's events at its time.
    const bool exact = after && !place.key.empty() && same_series(*after);
    const bool behind_all = upper && (unbounded || (!place.key.empty() && !exact));
    for (std::size_t i = 0; i < index->fields.size(); ++i) {
      const auto& field = index->fields[i];
      const auto size = static_cast<int>(field.size());
      if (i < index_fixed) {
        codec.append_field(field, fixed.at(field), field, to);
      } else if (field == codec.schema().time()) {
        bson_append_date_time(to, field.data(), size, time.milliseconds);
      } else if (field == codec.time_ns() && !unbounded && !behind_all) {
        bson_append_int32(to, field.data(), size, time.nanoseconds);
      } else if (exact && field != codec.time_ns()) {
        codec.append_field(field, after->at(field), field, to);
      } else {
        append_edge(to, field, behind_all);
      }
    }
  }

  [[nodiscard]] bool same_series(const json& key) const {
    return std::all_of(index->fields.begin(),
                       index->fields.begin() + static_cast<std::ptrdiff_t>(index_fixed),
                       [&](const auto& field) {
                         const auto value = key.find(field);
                         return value == key.end() || *value == fixed.at(field);
                       });
  }
};

MongodbReader::MongodbReader(const MongodbTarget& target, const MongodbCodec& codec,
                             const MongodbLayout& layout, MongodbClients& clients,
                             std::chrono::milliseconds query_time)
    : target_(target), codec_(codec), layout_(layout), clients_(clients), query_time_(query_time) {}

Result<Page> MongodbReader::query(const Query& query) {
  TRIBUTARY_ASSIGN(const auto planned, plan(query));
  if (planned.impossible()) return Page{};
  TRIBUTARY_ASSIGN(const auto client, clients_.take());
  // A second time when the index went away since it was seen.
  for (const bool again : {false, true}) {
    TRIBUTARY_ASSIGN(const auto names, index_names(client));
    if (names.empty()) return Page{};
    auto page = read_page(client, query, planned, names[planned.index_number]);
    if (page || again || page.error() != errc::not_found) return page;
    forget_index_names();
  }
  return Page{};
}

Result<MongodbReader::Plan> MongodbReader::plan(const Query& query) const {
  Plan plan;
  plan.range = PlaceRange::of(query, codec_.schema());
  if (query.after) {
    plan.after = decode_key(codec_.schema(), query.after->key);
    if (!plan.after) {
      return fail(errc::invalid_argument, "the cursor is of events of another kind");
    }
  }
  for (const auto& filter : query.filters) {
    TRIBUTARY_ASSIGN(auto values, filter_values(filter, codec_.schema()));
    if (filter.field == codec_.schema().time()) continue;  // the range has it
    if (values.size() == 1) plan.fixed.emplace(filter.field, values.front());
    plan.conditions.push_back({.filter = &filter, .values = std::move(values)});
  }
  for (std::size_t i = 0; i < layout_.indexes().size(); ++i) {
    const auto& index = layout_.indexes()[i];
    const auto fixed = fixed_fields(index, plan.fixed, layout_.order());
    const bool in_order = fixed > 0 || index.fields == layout_.order();
    if (!in_order || (plan.index != nullptr && fixed <= plan.index_fixed)) continue;
    plan.index = &index;
    plan.index_number = i;
    plan.index_fixed = fixed;
  }
  std::erase_if(plan.conditions, [&plan](const auto& condition) {
    const auto end = plan.index->fields.begin() + static_cast<std::ptrdiff_t>(plan.index_fixed);
    return std::find(plan.index->fields.begin(), end, condition.filter->field) != end;
  });
  return plan;
}

Result<std::vector<std::string>> MongodbReader::index_names(const MongodbClient& client) {
  {
    const MutexLock lock(mutex_);
    if (!index_names_.empty()) return index_names_;
  }
  TRIBUTARY_ASSIGN(auto found, layout_.inspect(client, target_));
  if (!found.collection) return std::vector<std::string>();
  if (!found.complete()) {
    TRIBUTARY_ASSIGN(found, layout_.prepare(client, target_));
  }
  const MutexLock lock(mutex_);
  index_names_ = found.names;
  return index_names_;
}

void MongodbReader::forget_index_names() {
  const MutexLock lock(mutex_);
  index_names_.clear();
}

Result<Page> MongodbReader::read_page(const MongodbClient& client, const Query& query,
                                      const Plan& plan, const std::string& index) const {
  PageBuilder builder(query);
  Bson filter;
  plan.append_filter(codec_, filter.get());
  Bson options;
  append_text(options.get(), "hint", index);
  plan.append_range(codec_, query.descending, options.get());
  append_integer(options.get(), "maxTimeMS", query_time_.count());
  append_integer(options.get(), "batchSize",
                 static_cast<std::int64_t>(std::min(builder.limit() + 1, kBatchSizeMax)));
  {
    BsonObject concern(options.get(), "readConcern");
    append_text(concern.get(), "level", "majority");
  }
  {
    BsonObject projection(options.get(), "projection");
    append_integer(projection.get(), "_id", 0);
    if (!query.meta) append_integer(projection.get(), "_tributary", 0);
  }

  const auto collection = client.collection(target_);
  const Mongodb<mongoc_cursor_t> cursor(
      mongoc_collection_find_with_opts(collection.get(), filter.get(), options.get(), nullptr));
  const bson_t* document = nullptr;
  while (mongoc_cursor_next(cursor.get(), &document)) {
    const auto event = codec_.decode(document);
    auto place = codec_.place_of(event);
    if (!place || !plan.range.contains(*place)) continue;
    if (builder.full()) return std::move(builder).with_next();
    std::string text;
    append_canonical(event, text);
    if (query.meta) text = with_meta(std::move(text), MongodbCodec::decode_meta(document));
    builder.add(std::move(text), std::move(*place));
  }
  bson_error_t why{};
  if (!mongoc_cursor_error(cursor.get(), &why)) return std::move(builder).last();
  const auto error = target_.error("read events", why);
  if (error == errc::timed_out) {
    return fail(errc::timed_out, "the query took longer than " +
                                     std::to_string(query_time_.count()) +
                                     " ms: narrow it with start and end, or by its series");
  }
  if (why.domain == MONGOC_ERROR_SERVER && why.code == kBadValue) {
    return fail(errc::not_found, error.message());
  }
  return std::unexpected(error);
}

}  // namespace tributary::collector
