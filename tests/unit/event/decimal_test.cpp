#include "shared/event/decimal.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "shared/event/json.h"

namespace {

bool is_multiple(std::string_view number, std::string_view divisor) {
  const auto decimal = [](std::string_view text) {
    return tributary::Decimal::of(*tributary::parse_json(text, 1));
  };
  return decimal(number).is_multiple_of(decimal(divisor));
}

}  // namespace

TEST_CASE("a number is a multiple as its decimal digits say") {
  REQUIRE(is_multiple("25.43", "0.01"));
  REQUIRE(is_multiple("0.3", "0.1"));
  REQUIRE(is_multiple("-0.3", "0.1"));
  REQUIRE(is_multiple("10", "5"));
  REQUIRE(is_multiple("0", "7"));
  REQUIRE(is_multiple("1e300", "1e-300"));
  REQUIRE(is_multiple("7.5", "2.5"));
  REQUIRE(is_multiple("-9223372036854775808", "2"));
  REQUIRE(is_multiple("1e19", "5"));
  REQUIRE_FALSE(is_multiple("25.435", "0.01"));
  REQUIRE_FALSE(is_multiple("5.5", "5"));
  REQUIRE_FALSE(is_multiple("7", "5"));
  REQUIRE_FALSE(is_multiple("1e-300", "1"));
  REQUIRE_FALSE(is_multiple("9223372036854775807", "2"));
  REQUIRE_FALSE(is_multiple("1", "1e300"));
  REQUIRE_FALSE(is_multiple("1e300", "7"));
}

TEST_CASE("a multiple is what leaves no rest, with as many tens as it takes") {
  const auto times_ten_to_the = [](std::uint64_t digits, int exponent) {
    for (; exponent > 0; --exponent) digits *= 10;
    return digits;
  };
  for (std::uint64_t digits = 1; digits < 130; ++digits) {
    for (std::uint64_t divisor = 1; divisor < 130; ++divisor) {
      for (int tens = -5; tens <= 5; ++tens) {
        CAPTURE(digits, divisor, tens);
        REQUIRE(tributary::Decimal{digits, tens}.is_multiple_of({divisor, 0}) ==
                (times_ten_to_the(digits, tens) % times_ten_to_the(divisor, -tens) == 0));
      }
    }
  }
}
