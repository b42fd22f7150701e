#include "shared/base/utf8.h"

#include <catch2/catch.hpp>

using tributary::is_utf8;

TEST_CASE("well-formed UTF-8 is told from what looks like it") {
  for (const auto* text :
       {"", "plain", "é", "漢字", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xf4\x8f\xbf\xbf", "\xe0\xa0\x80", "\xf0\x90\x80\x80"}) {
    INFO(text);
    REQUIRE(is_utf8(text));
  }
  REQUIRE(is_utf8({"a\0b", 3}));
  for (const auto* bytes :
       {"\xff", "\x80", "a\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe6\xbc", "\xe6\x28\xa2"}) {
    REQUIRE(!is_utf8(bytes));
  }
}
