#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace tributary {

// What the store, the stream and the queries need to know of one top-level member that a schema
// declares.
struct SchemaField {
  // nested: object, array, several types, or not said. `null` beside one other type is that type.
  enum class Type { string, integer, number, boolean, time, uuid, nested };
  std::string name;
  Type type;
  bool required = false;
};

// One kind of event: a JSON Schema (the subset of draft 2020-12 that SCHEMA.md lists) and, in its
// member `x-tributary`, which fields identify an event and which one is its time:
//
//     "x-tributary": {"key": ["sensor_id", "timestamp"], "time": "timestamp",
//                     "partition_by": "sensor_id", "series": "sensor_id"}
//
// A key field has exactly one type, of the scalar ones. The reserved names (`_id`, `<time>_ns`,
// `_tributary…`) can't be declared.
//
// Immutable; any thread may read it. Copies share the compiled form.
class Schema {
 public:
  // `text` is the schema's JSON. errc::invalid_argument with the JSON Pointer of what is wrong;
  // errc::unsupported for a keyword outside of the subset: a keyword that isn't checked must not
  // look as if it were.
  static Result<Schema> parse(std::string_view name, std::string_view text);
  // One of those built in: "telemetry", "clickstream", "measurement". errc::not_found otherwise.
  static Result<Schema> built_in(std::string_view name);
  static std::span<const std::string_view> built_in_names();

  [[nodiscard]] const std::string& name() const;
  // name@hash: 16 hexadecimal digits of the XXH3-64 of the schema's canonical JSON.
  [[nodiscard]] const std::string& id() const;
  [[nodiscard]] std::string_view text() const;  // as given

  // Names of top-level members; required scalars. `time` has format date-time and is required.
  [[nodiscard]] const std::vector<std::string>& key() const;
  [[nodiscard]] const std::string& time() const;
  [[nodiscard]] const std::string& partition_by() const;      // default: the first of the key
  [[nodiscard]] const std::string& series() const;            // default: empty, there is none
  [[nodiscard]] std::span<const SchemaField> fields() const;  // sorted by name
  [[nodiscard]] const SchemaField* field(std::string_view name) const;  // nullptr: not declared
  // Whether no event may have a top-level member of that name.
  [[nodiscard]] bool is_reserved(std::string_view name) const;

  struct Compiled;  // for the codec alone
  [[nodiscard]] const Compiled& compiled() const { return *compiled_; }

 private:
  explicit Schema(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace tributary
