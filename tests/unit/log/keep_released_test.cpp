#include <catch2/catch.hpp>

#include "tests/unit/log/log_fixture.h"

namespace tributary::test {
namespace {

constexpr std::size_t kSize = 2000;

LogOptions keeping_log() {
  auto options = small_log();
  options.size_max = 256U << 10;
  options.when_full = WhenFull::drop_oldest;
  options.keep_released = true;
  return options;
}

TEST_CASE("a log that keeps what is released can be read again from its beginning") {
  MemoryFileSystem files;
  {
    const auto log = open_log(files, keeping_log());
    write_records(*log, 1, 100, kSize);
    must(log->release("reader", range(1, 100)));
    REQUIRE(sequences(read_all(*log, 0, kSize)) == numbers(1, 100));
  }
  const auto log = open_log(files, keeping_log());
  REQUIRE(sequences(read_all(*log, 0, kSize)) == numbers(1, 100));
  REQUIRE(log->position("reader").prefix.value == 100);
}

TEST_CASE("what is kept though it is released goes when its room is needed, and is no loss") {
  MemoryFileSystem files;
  const auto log = open_log(files, keeping_log());
  for (std::uint64_t first = 1; first <= 401; first += 100) {
    write_records(*log, first, first + 99, kSize);
    must(log->release("reader", range(first, first + 99)));
  }
  const auto kept = sequences(read_all(*log, 0, kSize));
  REQUIRE(kept.back() == 500);
  REQUIRE(kept.front() > 300);
  REQUIRE(log->stats().bytes <= keeping_log().size_max);
  REQUIRE(log->stats().dropped_records == 0);
  REQUIRE(log->position("reader").dropped == 0);
}

}  // namespace
}  // namespace tributary::test
