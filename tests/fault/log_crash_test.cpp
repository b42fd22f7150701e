// Crashes the log after each single operation that changes a file or a directory, in each way,
// opens it again, crashes that, too, and checks what is promised: what was committed is readable,
// nothing is invented, a cursor stands where it was released to. TRIBUTARY_SEED=n repeats a run.

#include <catch2/catch.hpp>
#include <iostream>

#include "tests/fault/log_truth.h"

using namespace tributary;
using namespace tributary::test;

#ifndef TRIBUTARY_CRASH_STRIDE
#define TRIBUTARY_CRASH_STRIDE 1
#endif

namespace {

// From one crash point to the next; the first is chosen by the seed.
constexpr std::uint64_t kStride = TRIBUTARY_CRASH_STRIDE;

constexpr std::array kCrashes{Crash::process, Crash::drop, Crash::tear, Crash::corrupt};

struct Variant {
  const char* name;
  WhenFull when_full = WhenFull::refuse;
  std::uint64_t size_max = 1U << 20;
  bool failures = false;  // syncs and writes fail now and then
};

constexpr std::array kVariants{
    Variant{.name = "plain"},
    Variant{.name = "drop_oldest", .when_full = WhenFull::drop_oldest, .size_max = 4096},
    Variant{.name = "failing syncs", .failures = true},
    Variant{.name = "failing syncs, drop_oldest",
            .when_full = WhenFull::drop_oldest,
            .size_max = 4096,
            .failures = true},
};

// One life of the program, until the power goes or the script ends.
class Life {
 public:
  Life(MemoryFileSystem& files, Truth& truth, const Variant& variant, std::uint64_t seed)
      : files_(files), truth_(truth), variant_(variant), random_(seed) {}

  void run(int steps) {
    auto opened = Log::open(files_, small_segments(variant_.when_full, variant_.size_max));
    if (!opened) {
      REQUIRE(files_.crashed());
      return;
    }
    LogUser user(**opened, truth_, random_);
    for (int step = 0; step < steps && !files_.crashed(); ++step) {
      user.append();
      if (random_() % 3 == 0) user.append();
      if (variant_.failures && random_() % 6 == 0) files_.fail_next(Operation::sync, EIO);
      if (variant_.failures && random_() % 24 == 0) files_.fail_next(Operation::truncate, EIO);
      if (variant_.failures && random_() % 24 == 0) files_.fail_next(Operation::write, ENOSPC);
      if (variant_.failures && random_() % 24 == 0)
        files_.fail_next(Operation::sync_directory, EIO);
      if (random_() % 3 != 0) user.commit();
      if (random_() % 2 == 0) user.release("fast", 4);
      if (random_() % 3 == 0) user.release("slow", 2);
    }
    if (!files_.crashed()) user.commit();
  }

 private:
  MemoryFileSystem& files_;
  Truth& truth_;
  const Variant& variant_;
  std::mt19937_64 random_;
};

bool leaves_whole_records(Crash crash) { return crash == Crash::process || crash == Crash::drop; }

// After `crash`: the log is as promised, stays so when the power goes at once, and goes on.
void check_all(MemoryFileSystem& files, Truth truth, const Variant& variant, bool no_damage,
               std::mt19937_64& random) {
  check(files, truth, small_segments(variant.when_full, variant.size_max), no_damage);
  files.restart(Crash::drop, random);
  check(files, truth, small_segments(variant.when_full, variant.size_max), no_damage);
  Life(files, truth, variant, random()).run(3);
  files.restart(Crash::drop, random);
  check(files, truth, small_segments(variant.when_full, variant.size_max), no_damage);
}

}  // namespace

TEST_CASE("what was committed is readable after a crash at any point, and nothing is invented") {
  const auto seed = chosen_seed();
  std::mt19937_64 random(seed);
  std::uint64_t points = 0;
  std::uint64_t crashes = 0;
  for (const auto& variant : kVariants) {
    const auto script = random();
    bool more = true;
    for (std::uint64_t after = script % kStride; more; after += kStride, ++points) {
      MemoryFileSystem files;
      Truth truth;
      files.crash_after(after);
      Life(files, truth, variant, script).run(30);
      more = files.crashed();
      for (const auto crash : kCrashes) {
        CAPTURE(seed, variant.name, after, static_cast<int>(crash));
        const auto stopped = files.clone();
        stopped->restart(crash, random);
        bool crashed_again = true;
        // The recovery is crashed, too, after some of its operations; at last it comes through.
        for (auto again = random() % 3; crashed_again; again += 1 + random() % 5, ++crashes) {
          const auto recovering = stopped->clone();
          recovering->crash_after(again);
          const auto opened =
              Log::open(*recovering, small_segments(variant.when_full, variant.size_max));
          crashed_again = recovering->crashed();
          const auto second = crashed_again ? kCrashes[random() % kCrashes.size()] : Crash::process;
          CAPTURE(again, static_cast<int>(second));
          recovering->restart(second, random);
          check_all(*recovering, truth, variant,
                    leaves_whole_records(crash) && leaves_whole_records(second), random);
        }
      }
    }
  }
  std::cout << points << " crash points in " << kVariants.size() << " variants, each in "
            << kCrashes.size() << " ways; " << crashes << " crashes with those of the recovery\n";
}
