#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

namespace tributary {

// A number as its shortest decimal digits say it: digits × 10^exponent, sign left out. What a
// person who wrote 0.1 means, rather than the double next to it.
struct Decimal {
  std::uint64_t digits = 0;
  int exponent = 0;

  // Of a number that parse_json made.
  static Decimal of(const nlohmann::json& number);
  // Exact. `divisor` is not zero.
  [[nodiscard]] bool is_multiple_of(const Decimal& divisor) const;
};

}  // namespace tributary
