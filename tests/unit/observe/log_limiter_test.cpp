#include "shared/observe/log_limiter.h"

#include <catch2/catch.hpp>

#include "tests/unit/observe/captured_log.h"

using namespace tributary;
using namespace std::chrono_literals;
using tributary::test::CapturedLog;

namespace {

class ManualClock final : public Clock {
 public:
  Timestamp now() const override { return {}; }
  std::chrono::nanoseconds monotonic() const override { return time; }
  std::chrono::nanoseconds time{1h};
};

}  // namespace

TEST_CASE(
    "of the same failures one line goes through in an interval, the next one counts the rest") {
  const CapturedLog log(LogFormat::text);
  ManualClock clock;
  LogLimiter limiter(clock, 10s);
  for (int i = 0; i < 38; ++i)
    limiter.line("write", LogLevel::error, "store", "write failed", {{"table", "t"}});
  limiter.line("read", LogLevel::error, "store", "read failed");
  clock.time += 10s;
  limiter.line("write", LogLevel::error, "store", "write failed");
  clock.time += 10s;
  limiter.line("write", LogLevel::error, "store", "write failed");
  const auto lines = log.lines();
  REQUIRE(lines.size() == 4);
  REQUIRE(lines[0].ends_with("error store: write failed table=t"));
  REQUIRE(lines[1].ends_with("error store: read failed"));
  REQUIRE(lines[2].ends_with("error store: write failed (37 more like this)"));
  REQUIRE(lines[3].ends_with("error store: write failed"));
}
