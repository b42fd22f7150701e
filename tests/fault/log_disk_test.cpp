// Makes each single call of the file system fail in turn (open, read, write, sync, rename, …), once
// or for a while, under a program that goes on with its log and under one that opens it again.
// TRIBUTARY_SEED=n repeats a run.

#include <catch2/catch.hpp>
#include <cerrno>
#include <iostream>

#include "tests/fault/log_truth.h"

using namespace tributary;
using namespace tributary::test;

namespace {

constexpr int kSteps = 40;
constexpr std::uint64_t kWhile = 25;  // calls

struct Variant {
  const char* name;
  WhenFull when_full = WhenFull::refuse;
  std::uint64_t size_max = 1U << 20;
  std::uint64_t failing = 1;  // calls
  bool opens_again = false;   // after each commit that failed
};

constexpr std::array kVariants{
    Variant{.name = "once"},
    Variant{.name = "a while", .failing = kWhile},
    Variant{.name = "once, opened again", .opens_again = true},
    Variant{.name = "a while, opened again", .failing = kWhile, .opens_again = true},
    Variant{.name = "once, drop_oldest", .when_full = WhenFull::drop_oldest, .size_max = 4096},
    Variant{.name = "a while, drop_oldest",
            .when_full = WhenFull::drop_oldest,
            .size_max = 4096,
            .failing = kWhile},
    Variant{.name = "a while, drop_oldest, opened again",
            .when_full = WhenFull::drop_oldest,
            .size_max = 4096,
            .failing = kWhile,
            .opens_again = true},
};

// A program at work on a disk that fails some time.
class Program {
 public:
  Program(MemoryFileSystem& files, Truth& truth, const Variant& variant, std::uint64_t seed)
      : files_(files), truth_(truth), variant_(variant), random_(seed) {}

  void run() {
    open();
    for (int step = 0; step < kSteps; ++step) {
      if (step == kSteps / 2) open();
      LogUser user(*log_, truth_, random_);
      user.append();
      if (random_() % 3 == 0) user.append();
      if (random_() % 3 != 0 && !user.commit() && variant_.opens_again) {
        open();
        continue;
      }
      if (random_() % 2 == 0) user.release("fast", 4);
      if (random_() % 3 == 0) user.release("slow", 2);
    }
  }

  // The disk works again: so does the log, at the next call.
  void go_on() {
    files_.mend();
    LogUser user(*log_, truth_, random_);
    user.append();
    REQUIRE(user.commit());
    for (const auto& name : kCursors) {
      user.release(name, 4);
      REQUIRE(truth_.cursors[name].returned + 1 == truth_.cursors[name].after.size());
    }
    const auto stats = log_->stats();
    REQUIRE(stats.committed == stats.appended);
    REQUIRE(stats.bytes <= variant_.size_max);
  }

 private:
  // As often as the disk's failure lets it fail.
  void open() {
    log_.reset();
    for (std::uint64_t tries = 0; !log_; ++tries) {
      REQUIRE(tries <= variant_.failing);
      auto opened = Log::open(files_, small_segments(variant_.when_full, variant_.size_max));
      if (opened) {
        log_ = std::move(*opened);
      } else {
        REQUIRE(opened.error().code().category() == std::generic_category());  // the disk's
      }
    }
    check_cursors(*log_, truth_);
  }

  MemoryFileSystem& files_;
  Truth& truth_;
  const Variant& variant_;
  std::mt19937_64 random_;
  std::unique_ptr<Log> log_;
};

}  // namespace

TEST_CASE("whatever call of the disk fails, what was committed stays and the log goes on") {
  const auto seed = chosen_seed();
  std::mt19937_64 random(seed);
  std::uint64_t points = 0;
  for (const auto& variant : kVariants) {
    for (const int error : {EIO, ENOSPC}) {
      const auto script = random();
      bool more = true;
      for (std::uint64_t first = 0; more; ++first, ++points) {
        CAPTURE(seed, variant.name, error, first);
        MemoryFileSystem files;
        Truth truth;
        files.fail_calls(first, variant.failing, error);
        {
          Program program(files, truth, variant, script);
          program.run();
          more = files.calls() > first;
          program.go_on();
        }
        const auto stopped = files.clone();
        stopped->restart(Crash::drop, random);
        for (auto* disk : {&files, stopped.get()}) {
          auto known = truth;
          check(*disk, known, small_segments(variant.when_full, variant.size_max), true);
        }
      }
    }
  }
  std::cout << points << " calls that failed, in " << kVariants.size() << " variants\n";
}
