#include "shared/base/base64url.h"

#include <catch2/catch.hpp>

namespace tributary {

TEST_CASE("base64url comes back as it was, of any length") {
  std::string text;
  for (int size = 0; size < 300; ++size) {
    const auto back = from_base64url(base64url(as_bytes(text)));
    REQUIRE(back);
    REQUIRE(as_text(*back) == text);
    text += static_cast<char>(size * 7);
  }
  REQUIRE(base64url(as_bytes("\xfb\xff")) == "-_8");
}

TEST_CASE("what base64url would not write is refused") {
  for (const auto* text : {"A", "AB", "-_9", "ab=", "a b", "a+b/", "é"}) {
    INFO(text);
    REQUIRE_FALSE(from_base64url(text));
  }
}

}  // namespace tributary
