#include "shared/base/backoff.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using tributary::Backoff;

TEST_CASE("waits stay within their bounds, grow, and come back after a reset") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  Backoff backoff(100ms, 30s, seed);
  auto longest = 0ms;
  auto last = 100ms;
  for (int i = 0; i < 1000; ++i) {
    const auto wait = backoff.next();
    REQUIRE(wait >= 100ms);
    REQUIRE(wait <= std::min(30'000ms, 3 * last));
    longest = std::max(longest, wait);
    last = wait;
  }
  REQUIRE(longest > 5s);
  backoff.reset();
  REQUIRE(backoff.next() <= 300ms);
}
