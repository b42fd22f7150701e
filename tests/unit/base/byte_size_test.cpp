#include "shared/base/byte_size.h"

#include <catch2/catch.hpp>

using tributary::parse_byte_size;

TEST_CASE("a size is read with its unit") {
  REQUIRE(parse_byte_size("4096") == 4096U);
  REQUIRE(parse_byte_size("64KiB") == 65'536U);
  REQUIRE(parse_byte_size("256 MiB") == 268'435'456U);
  REQUIRE(parse_byte_size("1GB") == 1'000'000'000U);
  REQUIRE(parse_byte_size("0") == 0U);
}

TEST_CASE("what is no size is refused, and the message shows how to write one") {
  const auto text =
      GENERATE(as<std::string>{}, "", "MiB", "-1", "1.5MiB", "10mib", "10 MiB ", "99999999999GiB");
  const auto size = parse_byte_size(text);
  REQUIRE_FALSE(size);
  REQUIRE(size.error().message().find("256MiB") != std::string::npos);
}
