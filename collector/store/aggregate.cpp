#include <algorithm>

#include "collector/store/store.h"

namespace tributary::collector {

std::optional<FieldPath> parse_field_path(std::string_view text) {
  FieldPath path;
  for (;;) {
    const auto dot = text.find('.');
    const auto name = text.substr(0, dot);
    if (name.empty()) return std::nullopt;
    path.emplace_back(name);
    if (dot == std::string_view::npos) return path;
    text.remove_prefix(dot + 1);
  }
}

void FieldSummary::add(double value) {
  ++count;
  sum += value;
  min = std::min(min, value);
  max = std::max(max, value);
}

void FieldSummary::add(const FieldSummary& other) {
  count += other.count;
  sum += other.sum;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
}

Timestamp bucket_start(Timestamp time, std::chrono::milliseconds bucket) {
  constexpr std::int64_t kSecond = 1'000;
  constexpr std::int32_t kMillisecond = 1'000'000;
  const auto in_second = std::min<std::int64_t>(time.nanoseconds / kMillisecond, kSecond - 1);
  const auto milliseconds = time.seconds * kSecond + in_second;
  const auto floor = [](std::int64_t value, std::int64_t unit) {
    return value - (value % unit + unit) % unit;
  };
  const auto start = floor(milliseconds, bucket.count());
  const auto second = floor(start, kSecond);
  return {.seconds = second / kSecond,
          .nanoseconds = static_cast<std::int32_t>(start - second) * kMillisecond};
}

}  // namespace tributary::collector
