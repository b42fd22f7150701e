// Makes each single call of the file system fail in turn, once or for a while, under the
// collector's embedded stream: what was delivered is received, what was settled is counted once,
// nobody has to start anything again.

#include <catch2/catch.hpp>
#include <cerrno>
#include <iostream>

#include "tests/support/memory_file_system.h"
#include "tests/unit/collector/embedded_fixture.h"

namespace tributary::collector {
namespace {

using namespace stream_verbs;
using std::chrono::milliseconds;

constexpr int kRounds = 4;
constexpr std::uint64_t kWhile = 12;  // calls

const EmbeddedStreamOptions kOptions = small_stream("/var/stream");

// Tries as often as the disk's failure makes it fail.
std::unique_ptr<Stream> open(test::MemoryFileSystem& files, std::uint64_t failing) {
  for (std::uint64_t tries = 0;; ++tries) {
    auto stream = open_embedded_stream(files, kOptions);
    if (stream) return std::move(*stream);
    REQUIRE(stream.error().code().category() == std::generic_category());
    REQUIRE(tries < failing);
  }
}

void settle_all(Consumer& consumer, std::uint64_t failing) {
  std::uint64_t failures = 0;
  for (;;) {
    const auto batch = consumer.receive({}, milliseconds(0));
    if (!batch) {
      REQUIRE(++failures <= failing);
      continue;
    }
    if (batch->empty()) return;
    REQUIRE(batch->missing.empty());
    const std::vector<Outcome> outcomes(batch->entries.size(), {Outcome::Verdict::stored, {}});
    while (!consumer.settle(*batch, outcomes)) REQUIRE(++failures <= failing);
  }
}

void expect_everything(const Stream& stream) {
  const Totals totals{.stored = kRounds, .duplicates = 0, .conflicts = 0, .rejected = kRounds};
  expect_account(stream, totals, 0);
  const auto letters = stream.dead_letters(0, 1000);
  REQUIRE(letters.has_value());
  REQUIRE(letters->size() == kRounds);
}

void work(Stream& stream, std::uint64_t failing) {
  const auto producer = stream.make_producer();
  const auto dead_letters = stream.make_dead_letter_producer();
  const auto consumer = stream.make_consumer();
  for (int round = 0; round < kRounds; ++round) {
    deliver(*producer, {"event " + std::to_string(round)});
    REQUIRE(dead_letters->append(rejected_record("bad")).has_value());
    wait_until_durable(*dead_letters, 1);
    settle_all(*consumer, failing);
  }
}

}  // namespace

TEST_CASE("whatever call of the disk fails, an embedded stream delivers and settles all the same") {
  std::uint64_t points = 0;
  for (const int error : {EIO, ENOSPC}) {
    for (const auto failing : {std::uint64_t{1}, kWhile}) {
      bool more = true;
      for (std::uint64_t first = 0; more; ++first, ++points) {
        CAPTURE(error, failing, first);
        test::MemoryFileSystem files;
        files.fail_calls(first, failing, error);
        {
          const auto stream = open(files, failing);
          work(*stream, failing);
          more = files.calls() > first;
          files.mend();
          expect_everything(*stream);
          REQUIRE(eventually([&] { return stream->health().up; }));
        }
        std::mt19937_64 random(first);
        files.restart(test::Crash::drop, random);
        expect_everything(*open(files, 0));
      }
    }
  }
  std::cout << points << " calls that failed\n";
}

}  // namespace tributary::collector
