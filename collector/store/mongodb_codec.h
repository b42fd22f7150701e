#pragma once

#include <bson/bson.h>

#include <compare>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/store.h"
#include "shared/event/event.h"
#include "shared/event/schema.h"

namespace tributary::collector {

// A time as two fields: a BSON Date, and what lies below its millisecond. Both together are in the
// order of Timestamp: a leap second has the last millisecond of the second before it, and more than
// a millisecond of nanoseconds.
struct MongodbTime {
  std::int64_t milliseconds = 0;  // since 1970, rounded down
  std::int32_t nanoseconds = 0;   // 0 … 999,999; 1,000,000 … 1,000,999,999 in a leap second

  auto operator<=>(const MongodbTime&) const = default;

  static MongodbTime of(Timestamp time);
  // Nothing for what is none of a Timestamp's.
  [[nodiscard]] std::optional<Timestamp> timestamp() const;
};

// Between an event and the document that holds it (mongodb_layout.h says what that looks like).
// Immutable; any thread.
class MongodbCodec {
 public:
  explicit MongodbCodec(const Schema& schema);

  // Fills an empty document. What is wrong when no document can hold the event: part of it is in
  // the document then.
  [[nodiscard]] std::optional<std::string> encode(const Event& event, const bson_oid_t& id,
                                                  bson_t* to) const;
  // The event of a document, in canonical form as far as it is one of ours; members of our own are
  // left out.
  [[nodiscard]] nlohmann::json decode(const bson_t* document) const;
  // Adds the canonical text of an event, straight from its document, and gives its time. Nothing,
  // and `to` as it was, for a document for which it takes decode() and place_of(): one that others
  // made, with unsorted members or a key that is none.
  [[nodiscard]] std::optional<Timestamp> append_event(const bson_t* document,
                                                      std::string& to) const;
  // `_tributary` as queries show it; an empty object when there is none.
  [[nodiscard]] static nlohmann::json decode_meta(const bson_t* document);

  // One top-level member, under any name, as documents hold it; not for the time. False when BSON
  // can't hold it.
  bool append_field(std::string_view field, const nlohmann::json& value, std::string_view name,
                    bson_t* to) const;

  // The key of a decoded event, and its place in the order. Nothing for a document that others made
  // and that has none.
  [[nodiscard]] std::optional<std::string> key_of(const nlohmann::json& event) const;
  [[nodiscard]] std::optional<Keyset> place_of(const nlohmann::json& event) const;

  [[nodiscard]] const Schema& schema() const { return schema_; }
  [[nodiscard]] const std::string& time_ns() const { return time_ns_; }

  // Which numbers of a value the schema declares as `number`: those are doubles even when integral.
  struct Numbers;

 private:
  bool append_meta(const Event& event, bson_t* to) const;
  [[nodiscard]] bool is_other_time(std::string_view field) const;
  std::optional<Timestamp> time_at(bson_iter_t& at) const;

  const Schema schema_;
  const std::string time_ns_;
  std::vector<std::string> other_times_;  // declared date-time members beside the time
  std::vector<SchemaField> key_;
  std::shared_ptr<const Numbers> numbers_;
};

}  // namespace tributary::collector
