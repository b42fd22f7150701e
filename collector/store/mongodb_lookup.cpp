#include "collector/store/mongodb_lookup.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "collector/store/mongodb_bson.h"
#include "shared/event/key.h"

namespace tributary::collector {
namespace {

using nlohmann::json;
using Events = std::span<const Event* const>;

constexpr std::int64_t kBatchSize = 10'000;  // all in one reply, as far as 16 MB hold them

// The condition that finds the keys of all the events, and perhaps a few more. Its form decides how
// long the server takes: an `$in` over one field for those that agree in the others.
class KeyCondition {
 public:
  KeyCondition(const MongodbCodec& codec, bson_t* filter)
      : codec_(codec), schema_(codec.schema()), filter_(filter) {
    for (const auto& name : schema_.key()) {
      if (name != schema_.time()) others_.push_back(name);
    }
  }

  void append(Events events) {
    if (others_.size() < schema_.key().size()) return append_by_time(events);
    if (others_.size() == 1) return append_one_field(events);
    BsonArray any(filter_, "$or");
    for (const auto* event : events) {
      BsonObject one(any.get(), any.next());
      append_others(*event, one.get());
    }
  }

 private:
  // {sensor_id: …, timestamp: {$in: […]}} for each series.
  void append_by_time(Events events) {
    std::unordered_map<std::string, std::vector<const Event*>> groups;
    std::string others;
    for (const auto* event : events) {
      others.clear();
      for (const auto& name : others_) {
        append_key_field(*event->document, *schema_.field(name), others);
      }
      groups[others].push_back(event);
    }
    BsonArray any(filter_, "$or");
    for (const auto& [values, group] : groups) {
      BsonObject one(any.get(), any.next());
      append_others(*group.front(), one.get());
      BsonObject times(one.get(), schema_.time());
      BsonArray in(times.get(), "$in");
      for (const auto* event : group) {
        const auto name = in.next();
        bson_append_date_time(in.get(), name.data(), static_cast<int>(name.size()),
                              MongodbTime::of(event->time).milliseconds);
      }
    }
  }

  // {event_id: {$in: […]}}
  void append_one_field(Events events) {
    const auto& field = others_.front();
    BsonObject values(filter_, field);
    BsonArray in(values.get(), "$in");
    for (const auto* event : events) {
      codec_.append_field(field, event->document->at(field), in.next(), in.get());
    }
  }

  void append_others(const Event& event, bson_t* to) const {
    for (const auto& name : others_) {
      codec_.append_field(name, event.document->at(name), name, to);
    }
  }

  const MongodbCodec& codec_;
  const Schema& schema_;
  bson_t* filter_;
  std::vector<std::string> others_;  // the key's fields beside its time
};

void append_options(const MongodbCodec& codec, const std::string& key_index, bson_t* to) {
  const auto& schema = codec.schema();
  append_text(to, "hint", key_index);
  append_integer(to, "batchSize", kBatchSize);
  {
    BsonObject concern(to, "readConcern");
    append_text(concern.get(), "level", "majority");
  }
  BsonObject projection(to, "projection");
  for (const auto& field : schema.key()) append_integer(projection.get(), field, 1);
  append_integer(projection.get(), codec.time_ns(), 1);
  append_integer(projection.get(), "_tributary.hash", 1);
  append_integer(projection.get(), "_tributary.received_at", 1);
}

MongodbStored stored_of(const bson_t* document) {
  MongodbStored stored;
  bson_iter_t at;
  if (bson_iter_init_find(&at, document, "_id") && BSON_ITER_HOLDS_OID(&at)) {
    stored.id = *bson_iter_oid(&at);
  }
  bson_iter_t top;
  if (bson_iter_init(&top, document) && bson_iter_find_descendant(&top, "_tributary.hash", &at) &&
      BSON_ITER_HOLDS_BINARY(&at)) {
    std::uint32_t size = 0;
    const std::uint8_t* bytes = nullptr;
    bson_iter_binary(&at, nullptr, &size, &bytes);
    ContentHash hash{};
    if (size == hash.size()) {
      std::copy_n(reinterpret_cast<const std::byte*>(bytes), size, hash.begin());
      stored.hash = hash;
    }
  }
  if (bson_iter_init(&top, document) &&
      bson_iter_find_descendant(&top, "_tributary.received_at", &at) &&
      BSON_ITER_HOLDS_DATE_TIME(&at)) {
    const auto time = MongodbTime{.milliseconds = bson_iter_date_time(&at)}.timestamp();
    if (time) stored.received_at = time->text();
  }
  return stored;
}

}  // namespace

Result<MongodbStoredByKey> look_up(const MongodbClient& client, const MongodbTarget& target,
                                   const MongodbCodec& codec, const std::string& key_index,
                                   Events events) {
  Bson filter;
  KeyCondition(codec, filter.get()).append(events);
  Bson options;
  append_options(codec, key_index, options.get());
  const auto collection = client.collection(target);
  const Mongodb<mongoc_read_prefs_t> primary(mongoc_read_prefs_new(MONGOC_READ_PRIMARY));
  const Mongodb<mongoc_cursor_t> cursor(mongoc_collection_find_with_opts(
      collection.get(), filter.get(), options.get(), primary.get()));

  MongodbStoredByKey found;
  found.reserve(events.size());
  const bson_t* document = nullptr;
  while (mongoc_cursor_next(cursor.get(), &document)) {
    if (auto key = codec.key_of(codec.decode(document))) {
      found.emplace(std::move(*key), stored_of(document));
    }
  }
  bson_error_t why{};
  if (mongoc_cursor_error(cursor.get(), &why)) {
    return std::unexpected(target.error("look up keys", why));
  }
  return found;
}

}  // namespace tributary::collector
