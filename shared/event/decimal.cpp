#include "shared/event/decimal.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>

namespace tributary {
namespace {

// 10^19 is the last power of ten in 64 bits.
constexpr int kTenMax = 19;

std::uint64_t ten_to_the(int exponent) {
  std::uint64_t power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

}  // namespace

Decimal Decimal::of(const nlohmann::json& number) {
  if (const auto* integer = number.get_ptr<const std::int64_t*>()) {
    const auto bits = static_cast<std::uint64_t>(*integer);
    return {.digits = *integer < 0 ? 0 - bits : bits, .exponent = 0};
  }
  // "-d.ddde-07"
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                 *number.get_ptr<const double*>(), std::chars_format::scientific)
                       .ptr;
  const std::string_view text(buffer.data(), end);
  const auto mark = text.find('e');
  Decimal decimal;
  const auto* exponent = text.data() + mark + (text[mark + 1] == '+' ? 2 : 1);
  std::from_chars(exponent, end, decimal.exponent);
  bool in_fraction = false;
  for (const char c : text.substr(0, mark)) {
    if (c == '.') in_fraction = true;
    if (c < '0' || c > '9') continue;
    decimal.digits = 10 * decimal.digits + static_cast<std::uint64_t>(c - '0');
    if (in_fraction) --decimal.exponent;
  }
  return decimal;
}

bool Decimal::is_multiple_of(const Decimal& divisor) const {
  if (digits == 0) return true;
  const int tens = exponent - divisor.exponent;
  if (tens < 0) {
    if (tens < -kTenMax) return false;
    const auto power = ten_to_the(-tens);
    return digits % power == 0 && digits / power % divisor.digits == 0;
  }
  // What the divisor doesn't share with the digits must be in the tens.
  auto rest = divisor.digits / std::gcd(divisor.digits, digits);
  for (int i = 0; i < tens && rest != 1; ++i) {
    const auto shared = std::gcd(rest, std::uint64_t{10});
    if (shared == 1) return false;
    rest /= shared;
  }
  return rest == 1;
}

}  // namespace tributary
