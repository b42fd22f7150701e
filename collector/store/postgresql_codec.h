#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/postgresql_layout.h"
#include "collector/store/store.h"
#include "shared/event/event.h"
#include "shared/event/schema.h"

namespace tributary::collector {

// A time as two columns: a timestamptz, and what lies below its microsecond. Both together are in
// the order of Timestamp: a leap second has the last microsecond of the second before it, and more
// than a microsecond of nanoseconds.
struct PostgresqlTime {
  std::int64_t microseconds = 0;  // since 1970, rounded down
  std::int32_t nanoseconds = 0;   // 0 … 999; 1,000 … 1,000,000,999 in a leap second

  auto operator<=>(const PostgresqlTime&) const = default;

  static PostgresqlTime of(Timestamp time);
  // Nothing for what is none of a Timestamp's.
  [[nodiscard]] std::optional<Timestamp> timestamp() const;
  // The microseconds as a parameter.
  [[nodiscard]] std::string text() const;
};

// Between an event and its row (postgresql_layout.h). Immutable; any thread. Both must outlive it.
class PostgresqlCodec {
 public:
  PostgresqlCodec(const Schema& schema, const PostgresqlLayout& layout);

  // Adds one row of PostgresqlLayout::copy_sql(). What is wrong, with a SQLSTATE, when PostgreSQL
  // can't hold the event: nothing is added then.
  [[nodiscard]] std::optional<std::string> encode(const Event& event, std::int32_t ordinal,
                                                  std::string& to) const;
  // What stands before and behind all rows.
  static std::string_view begin_of_rows();
  static std::string_view end_of_rows();

  // The event of a row that has PostgresqlLayout::select_list() from this column on, in canonical
  // form as far as it is one of ours.
  [[nodiscard]] nlohmann::json decode(const PostgresqlRows& rows, int row, int first = 0) const;
  // `_tributary` as queries show it.
  [[nodiscard]] nlohmann::json decode_meta(const PostgresqlRows& rows, int row) const;

  // A time in two columns of a row. Nothing for what is none.
  static std::optional<Timestamp> decode_time(const PostgresqlRows& rows, int row, int microseconds,
                                              int nanoseconds);

  // One of the values of a member as a parameter; nothing when its column can't hold it.
  [[nodiscard]] static std::optional<std::string> parameter(const PostgresqlColumn& column,
                                                            const nlohmann::json& value);
  // The key of a decoded event, and its place in the order. Nothing for a row that others made and
  // that has none.
  [[nodiscard]] std::optional<Keyset> place_of(const nlohmann::json& event) const;

  [[nodiscard]] const Schema& schema() const { return schema_; }
  [[nodiscard]] const PostgresqlLayout& layout() const { return layout_; }

 private:
  const Schema& schema_;
  const PostgresqlLayout& layout_;
  std::vector<SchemaField> key_;
};

// A value of jsonb, normalized: a number that is integral and fits is an int64, as in an event.
nlohmann::json json_of(std::string_view jsonb_text);

}  // namespace tributary::collector
