#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "collector/store/canonical_member.h"
#include "collector/store/store.h"

namespace tributary::collector {

inline constexpr std::size_t kRollupFieldsMax = 64;
inline constexpr std::size_t kRollupNameSizeMax = 64;

// What some events come to: how many they are, and their numbers, field by field (the fields that
// CanonicalNumbers gives, by its names). It holds the first kRollupFieldsMax fields with names of
// at most kRollupNameSizeMax bytes; of others it knows that there may be some.
//
// FORMAT of fields(), little-endian: a byte, 1 when a field was left out, else 0; then for each
// field the size of its name (a byte), the name, count (uint64), sum, min and max (IEEE 754
// binary64).
class RollupRow {
 public:
  RollupRow() : fields_(1, '\0') {}
  // Nothing when the bytes are none of ours.
  static std::optional<RollupRow> parse(std::uint64_t events, std::string_view fields);

  // The numbers of an event, names of up to kRollupNameSizeMax bytes.
  void add(const CanonicalNumbers& numbers);

  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] const std::string& fields() const { return fields_; }
  // Nothing when only the events can tell.
  [[nodiscard]] std::optional<FieldSummary> field(std::string_view name) const;

 private:
  RollupRow(std::uint64_t events, std::string_view fields) : events_(events), fields_(fields) {}

  [[nodiscard]] std::size_t find(std::string_view name, std::size_t from, std::size_t to) const;
  [[nodiscard]] std::size_t end_of(std::size_t entry) const;
  void append(std::string_view name, double value);

  std::uint64_t events_ = 0;
  std::size_t held_ = 0;  // fields
  std::string fields_;
};

}  // namespace tributary::collector
