#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <ranges>
#include <string>
#include <vector>

#include "tests/support/memory_file_system.h"
#include "tests/unit/collector/embedded_fixture.h"

namespace tributary::collector {
namespace {

using namespace stream_verbs;
using std::chrono::milliseconds;

// What a producer, a consumer and an operator were told before the machine stopped.
struct Told {
  std::vector<std::string> delivered;
  std::size_t settled = 0;
  std::size_t rejected = 0;
};

// Polls until the record is durable, or the machine is gone.
bool becomes_durable(Producer& producer, const test::MemoryFileSystem& files) {
  return eventually([&] { return files.crashed() || !producer.poll(milliseconds(1)).empty(); }) &&
         !files.crashed();
}

void work(Stream& stream, const test::MemoryFileSystem& files, Told& told) {
  const auto producer = stream.make_producer();
  const auto dead_letters = stream.make_dead_letter_producer();
  const auto consumer = stream.make_consumer();
  for (int round = 0; round < 4; ++round) {
    const auto event = "event " + std::to_string(told.delivered.size());
    if (!producer->append(record(event)) || !becomes_durable(*producer, files)) return;
    told.delivered.push_back(event);
    if (!dead_letters->append(rejected_record("bad")) || !becomes_durable(*dead_letters, files))
      return;
    ++told.rejected;
    const auto batch = consumer->receive({}, milliseconds(0));
    if (!batch) return;
    const std::vector<Outcome> outcomes(batch->entries.size(), {Outcome::Verdict::stored, {}});
    if (!consumer->settle(*batch, outcomes)) return;
    told.settled += batch->entries.size();
  }
}

// Everything that was told is true, and the account balances.
void check(Stream& stream, const Told& told) {
  auto account = balanced_account(stream);
  const auto letters = stream.dead_letters(0, 1000);
  REQUIRE(letters.has_value());
  REQUIRE(account.totals.rejected == letters->size());
  REQUIRE(letters->size() >= told.rejected);
  REQUIRE(account.totals.stored >= told.settled);
  REQUIRE(account.records >= told.delivered.size() + told.rejected);

  const auto consumer = stream.make_consumer();
  const auto settled = account.totals.stored;
  const auto batches = receive(*consumer, account.lag);
  std::vector<std::string> kept(told.delivered.begin(),
                                told.delivered.begin() + static_cast<std::ptrdiff_t>(settled));
  std::ranges::copy(events(batches), std::back_inserter(kept));
  REQUIRE(kept.size() >= told.delivered.size());
  REQUIRE(std::ranges::equal(told.delivered, kept | std::views::take(told.delivered.size())));
  settle(*consumer, batches);
  account = balanced_account(stream);
  REQUIRE(account.lag == 0);
}

TEST_CASE("at whatever step the machine stops, what was told is true and the account balances") {
  const auto options = small_stream("/var/stream");
  for (const auto crash : {test::Crash::process, test::Crash::drop, test::Crash::tear}) {
    bool finished = false;
    for (std::uint64_t step = 0; !finished; ++step) {
      std::mt19937_64 random(step);
      INFO("crash " << static_cast<int>(crash) << " after step " << step);
      test::MemoryFileSystem files;
      files.crash_after(step);
      Told told;
      if (auto stream = open_embedded_stream(files, options)) work(**stream, files, told);
      finished = !files.crashed();
      files.restart(crash, random);
      check(*open_stream(options, files), told);
      // Once more: what the first start after the crash mended stays so.
      REQUIRE(balanced_account(*open_stream(options, files)).lag == 0);
    }
  }
}

}  // namespace
}  // namespace tributary::collector
