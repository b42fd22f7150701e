#include "collector/store/mongodb_page.h"

#include <algorithm>
#include <limits>

#include "collector/store/page_builder.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

using nlohmann::json;

constexpr std::size_t kBatchSizeMax = 1'000;
constexpr auto kUnboundedBelow = std::numeric_limits<std::int64_t>::min();  // PlaceRange
constexpr auto kUnboundedAbove = std::numeric_limits<std::int64_t>::max();

void append_edge(bson_t* to, const std::string& field, bool last) {
  const auto size = static_cast<int>(field.size());
  if (last) {
    bson_append_maxkey(to, field.data(), size);
  } else {
    bson_append_minkey(to, field.data(), size);
  }
}

// The range as two places in the index. The server may read more than the range: what it gives is
// held against the range again.
class IndexBounds {
 public:
  IndexBounds(const MongodbCodec& codec, const MongodbPlan& plan, const std::optional<json>& after)
      : codec_(codec), plan_(plan), after_(after) {}

  // A place in the index; the lower one is within what the server reads, the upper one not.
  void append(const Keyset& place, bool upper, bson_t* to) const {
    const bool unbounded = place.time.seconds == (upper ? kUnboundedAbove : kUnboundedBelow);
    const auto time =
        unbounded ? MongodbTime{.milliseconds = place.time.seconds} : MongodbTime::of(place.time);
    // A cursor from a query for another series says nothing of this one's events at its time.
    const bool exact = after_ && !place.key.empty() && same_series(*after_);
    const bool behind_all = upper && (unbounded || (!place.key.empty() && !exact));
    plan_.append_fixed(codec_, to);
    const auto& fields = plan_.index->fields;
    for (auto i = plan_.index_fixed; i < fields.size(); ++i) {
      const auto& field = fields[i];
      const auto size = static_cast<int>(field.size());
      if (field == codec_.schema().time()) {
        bson_append_date_time(to, field.data(), size, time.milliseconds);
      } else if (field == codec_.time_ns() && !unbounded && !behind_all) {
        bson_append_int32(to, field.data(), size, time.nanoseconds);
      } else if (exact && field != codec_.time_ns()) {
        codec_.append_field(field, after_->at(field), field, to);
      } else {
        append_edge(to, field, behind_all);
      }
    }
  }

 private:
  [[nodiscard]] bool same_series(const json& key) const {
    const auto& fields = plan_.index->fields;
    return std::all_of(fields.begin(),
                       fields.begin() + static_cast<std::ptrdiff_t>(plan_.index_fixed),
                       [&](const auto& field) {
                         const auto value = key.find(field);
                         return value == key.end() || *value == plan_.fixed.at(field);
                       });
  }

  const MongodbCodec& codec_;
  const MongodbPlan& plan_;
  const std::optional<json>& after_;
};

}  // namespace

Result<Page> read_page(const MongodbRead& read, const Query& query, const MongodbPlan& plan,
                       const PlaceRange& range, const std::optional<json>& after) {
  const auto& codec = read.codec();
  Bson filter;
  Bson options;
  if (plan.one_event()) {
    plan.append_fixed(codec, filter.get());
  } else {
    const IndexBounds bounds(codec, plan, after);
    append_order(options.get(), "sort", *plan.index, query.descending);
    {
      BsonObject min(options.get(), "min");
      bounds.append(range.lower, false, min.get());
    }
    BsonObject max(options.get(), "max");
    bounds.append(range.upper, true, max.get());
  }
  plan.append_conditions(codec, filter.get());
  {
    BsonObject projection(options.get(), "projection");
    append_integer(projection.get(), "_id", 0);
    if (!query.meta) append_integer(projection.get(), "_tributary", 0);
  }

  PageBuilder builder(query);
  bool more = false;
  const auto batch = static_cast<std::int64_t>(std::min(builder.limit() + 1, kBatchSizeMax));
  TRIBUTARY_TRY(read.find(filter, options, batch, [&](const bson_t* document) {
    std::string text;
    std::optional<Keyset> place;
    const auto time = codec.append_event(document, text);
    // Its key matters at the edges of the range, and where the page ends.
    const bool within = time && range.lower.time < *time && *time < range.upper.time;
    if (!within) {
      const auto event = codec.decode(document);
      place = codec.place_of(event);
      if (!place || !range.contains(*place)) return true;
      text.clear();
      append_canonical(event, text);
    }
    more = builder.full();
    if (more) return false;
    if (query.meta) text = with_meta(std::move(text), MongodbCodec::decode_meta(document));
    if (!place && builder.is_last(text.size())) place = codec.place_of(codec.decode(document));
    builder.add(std::move(text), std::move(place));
    return true;
  }));
  return more ? std::move(builder).with_next() : std::move(builder).last();
}

}  // namespace tributary::collector
