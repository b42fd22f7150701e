#include "shared/base/duration.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace tributary {
namespace {

struct Unit {
  std::string_view name;
  double milliseconds;
};
constexpr std::array kUnits = {Unit{"ms", 1},       Unit{"s", 1000},      Unit{"m", 60'000},
                               Unit{"min", 60'000}, Unit{"h", 3'600'000}, Unit{"d", 86'400'000}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<double> parse_milliseconds(std::string_view text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !is_digit(text[text.starts_with('-') ? 1 : 0]) || !is_digit(end[-1]))
    return std::nullopt;
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  const auto* const found = std::ranges::find(kUnits, unit, &Unit::name);
  if (found == kUnits.end()) return std::nullopt;
  return number * found->milliseconds;
}

std::string duration_text(std::chrono::milliseconds duration) {
  const auto count = duration.count();
  for (const auto* const unit : {&kUnits[5], &kUnits[4], &kUnits[2], &kUnits[1]}) {
    const auto length = static_cast<std::int64_t>(unit->milliseconds);
    if (count != 0 && count % length == 0)
      return std::to_string(count / length) + std::string(unit->name);
  }
  return std::to_string(count) + "ms";
}

}  // namespace tributary
