#include "collector/store/sqlite_rollup_row.h"

#include <bit>

#include "shared/base/bytes.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kFirst = 1;  // entry
constexpr std::size_t kNone = std::string::npos;
constexpr std::size_t kNumbersSize = 32;  // count, sum, min, max

FieldSummary load(const char* from) {
  const auto* bytes = reinterpret_cast<const std::byte*>(from);
  const auto number = [bytes](std::size_t at) {
    return std::bit_cast<double>(load_le<std::uint64_t>(bytes + at));
  };
  return {.count = load_le<std::uint64_t>(bytes),
          .sum = number(8),
          .min = number(16),
          .max = number(24)};
}

void store(char* to, const FieldSummary& summary) {
  auto* bytes = reinterpret_cast<std::byte*>(to);
  store_le(bytes, summary.count);
  store_le(bytes + 8, std::bit_cast<std::uint64_t>(summary.sum));
  store_le(bytes + 16, std::bit_cast<std::uint64_t>(summary.min));
  store_le(bytes + 24, std::bit_cast<std::uint64_t>(summary.max));
}

}  // namespace

std::optional<RollupRow> RollupRow::parse(std::uint64_t events, std::string_view fields) {
  RollupRow row(events, fields);
  std::size_t at = kFirst;
  while (at < fields.size()) {
    at = row.end_of(at);
    ++row.held_;
  }
  if (at != fields.size()) return std::nullopt;
  return row;
}

void RollupRow::add(const CanonicalNumbers& numbers) {
  ++events_;
  if (numbers.left_out()) fields_.front() = 1;
  // Events of one kind have their fields in one order: the next one is mostly the one looked for.
  std::size_t next = kFirst;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto name = numbers.name(i);
    auto entry = find(name, next, fields_.size());
    if (entry == kNone) entry = find(name, kFirst, next);
    if (entry == kNone) {
      append(name, numbers.value(i));
      continue;
    }
    next = end_of(entry);
    auto* const at = fields_.data() + next - kNumbersSize;
    auto summary = load(at);
    summary.add(numbers.value(i));
    store(at, summary);
  }
}

std::optional<FieldSummary> RollupRow::field(std::string_view name) const {
  const auto entry = find(name, kFirst, fields_.size());
  if (entry != kNone) return load(fields_.data() + end_of(entry) - kNumbersSize);
  if (fields_.front() != 0) return std::nullopt;
  return FieldSummary();
}

// The entry with that name, or kNone.
std::size_t RollupRow::find(std::string_view name, std::size_t from, std::size_t to) const {
  for (; from < to; from = end_of(from)) {
    const auto size = static_cast<unsigned char>(fields_[from]);
    if (std::string_view(fields_).substr(from + 1, size) == name) return from;
  }
  return kNone;
}

std::size_t RollupRow::end_of(std::size_t entry) const {
  return entry + 1 + static_cast<unsigned char>(fields_[entry]) + kNumbersSize;
}

void RollupRow::append(std::string_view name, double value) {
  if (held_ == kRollupFieldsMax) {
    fields_.front() = 1;
    return;
  }
  FieldSummary summary;
  summary.add(value);
  fields_ += static_cast<char>(name.size());
  fields_ += name;
  fields_.resize(fields_.size() + kNumbersSize);
  store(fields_.data() + fields_.size() - kNumbersSize, summary);
  ++held_;
}

}  // namespace tributary::collector
