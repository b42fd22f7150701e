#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/mongodb_bson.h"
#include "collector/store/mongodb_client.h"
#include "shared/event/schema.h"

namespace tributary::collector {

struct MongodbIndex {
  std::string name;                 // ours; an index with the same fields may have another
  std::vector<std::string> fields;  // all ascending
  bool unique = false;

  [[nodiscard]] std::string text() const;  // {"sensor_id": 1, "timestamp": 1}, unique
};

// How the events of one schema lie in a collection of MongoDB 5.0 or newer.
//
// A document for each event: `_id` (an ObjectId), the event's members, sorted by name, and
// `_tributary`.
//
//     the time         a Date, rounded down to the millisecond, and behind it `<time>_ns`, an
//     int32,
//                      the nanoseconds below (MongodbTime)
//     other declared   strings with nine fractional digits, so that their order is that of time;
//     date-times       nested ones stand as in the event
//     numbers          doubles where the schema declares `number` and ±2^53 isn't passed, and all
//                      that aren't integral; else int64
//     everything else  as it is; member names may begin with $ and have dots
//     _tributary       hash (BinData, 16 bytes); where known received_at (a Date: its millisecond
//                      only), source, schema, edge, log (BinData, 16 bytes), sequence (int64),
//                      replayed
//
// {"_id": ObjectId("…"), "humidity": 40.5, "location": {"latitude": 1.0, "longitude": 2.0},
//  "sensor_id": "a", "temperature": 20.0, "timestamp": ISODate("2026-01-21T10:00:00Z"),
//  "timestamp_ns": 0, "_tributary": {"hash": BinData(0, "…"), "source": "mqtt", …}}
//
// Indexes, all ascending, with the simple collation. Where the key has the time, both its fields
// stand in its place.
//
//     tributary_key     the key; unique. That of telemetry: sensor_id, timestamp, timestamp_ns
//     tributary_time    the time, then the rest of the key: the order of queries
//     tributary_series  the series, the time, then the rest of the key
//
// Two of them with the same fields are one. An index with the same fields serves under any name,
// when it is as strict.
//
// Immutable; any thread may read it.
class MongodbLayout {
 public:
  // errc::invalid_argument: a field of the key, the time or the series has a name that MongoDB
  // can't index.
  static Result<MongodbLayout> of(const Schema& schema);

  // What a collection has of it: the names there of indexes(), empty for one that is missing.
  struct Found {
    bool collection = false;
    std::vector<std::string> names;

    [[nodiscard]] bool complete() const;
  };
  // errc::unavailable, also while it can't hold events: it is a view, capped, a time series, has a
  // collation, or an index with our name or fields that is another one.
  Result<Found> inspect(const MongodbClient& client, const MongodbTarget& target) const;
  // Makes the indexes that are missing, and the collection with them. As inspect(); also
  // errc::unavailable while there are several events with one key.
  Result<Found> prepare(const MongodbClient& client, const MongodbTarget& target) const;

  // The first one is the unique one.
  [[nodiscard]] const std::vector<MongodbIndex>& indexes() const { return indexes_; }
  // The fields of the time, then the rest of the key.
  [[nodiscard]] const std::vector<std::string>& order() const { return order_; }
  // Which one of indexes() is that of the series; none when the schema has no series, or its time
  // is the series.
  [[nodiscard]] std::optional<std::size_t> series_index() const { return series_index_; }
  // Whether `pattern` (the `key` of an index) is that of the unique one.
  [[nodiscard]] bool is_key_pattern(const bson_t* pattern) const;

 private:
  MongodbLayout() = default;

  Result<bool> check_collection(const MongodbClient& client, const MongodbTarget& target) const;
  Result<void> note(const bson_t* specification, const MongodbTarget& target, Found& found) const;
  [[nodiscard]] bool is_part_of_key(const bson_t* pattern) const;
  Result<void> create(const MongodbClient& client, const MongodbTarget& target,
                      const Found& found) const;

  std::vector<MongodbIndex> indexes_;
  std::vector<std::string> order_;
  std::optional<std::size_t> series_index_;
};

}  // namespace tributary::collector
