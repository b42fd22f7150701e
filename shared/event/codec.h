#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "shared/event/event.h"
#include "shared/event/problem.h"
#include "shared/event/schema.h"

namespace tributary {

// Turns bytes into events of one schema. Keeps its buffers from event to event, so it belongs to
// one thread; make one for each.
class Codec {
 public:
  explicit Codec(Schema schema);
  Codec(Codec&&) noexcept;
  Codec& operator=(Codec&&) noexcept;
  ~Codec();

  // Strict JSON (RFC 8259), then the schema, the reserved names and the limits of event.h. `origin`
  // is left empty.
  std::expected<Event, Problem> decode(std::string_view json);

  // The same for what was validated at ingest, without checking it against the schema again: the
  // same event, with the same hash. Strict JSON, the reserved names, the formats (the canonical
  // text depends on them), the key and the time are still read.
  std::expected<Event, Problem> decode_validated(std::string_view json);

  // Only says whether decode() would take it, without making the event: what ingest needs. On
  // success the value of the partition field, as text, valid until the next call.
  std::expected<std::string_view, Problem> validate(std::string_view json);

  [[nodiscard]] const Schema& schema() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary
