#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/log/log_fixture.h"

// What the world outside knows of a log: to hold the log against it after crashes, and after
// failures of the disk.
namespace tributary::test {

inline const std::vector<std::string> kCursors{"fast", "slow"};

// Of a log whose segments fill after a few records.
inline LogOptions small_segments(WhenFull when_full, std::uint64_t size_max) {
  auto options = small_log(kCursors);
  options.segment_size = 1024;
  options.size_max = size_max;
  options.when_full = when_full;
  return options;
}

// Of one cursor: each call of release() is numbered, saves its number, and leads to one set of
// released sequences.
struct CursorTruth {
  std::vector<Position> after{Position{}};  // call 0: the start
  std::size_t returned = 0;                 // the last call that succeeded
};

// It outlives crashes.
struct Truth {
  std::map<std::uint64_t, std::string> appended;
  std::uint64_t committed = 0;
  std::uint64_t seen = 0;  // by a reader
  std::map<std::string, CursorTruth> cursors{{"fast", {}}, {"slow", {}}};
};

// Uses an open log, and keeps the truth up to date.
class LogUser {
 public:
  LogUser(Log& log, Truth& truth, std::mt19937_64& random)
      : log_(log), truth_(truth), random_(random) {}

  void append();
  // Whether it succeeded.
  bool commit();
  // Reads behind the prefix and releases one or a few of the records, not always the first.
  void release(const std::string& name, std::size_t most);

 private:
  Log& log_;
  Truth& truth_;
  std::mt19937_64& random_;
};

// Holds the cursors of a log that was just opened against the truth, which it brings up to date:
// each stands where it was released to. Returns what all of them have passed.
Sequence check_cursors(const Log& log, Truth& truth);
// Opens what is there for that, and for the records: what was committed is readable, nothing is
// invented.
void check(MemoryFileSystem& files, Truth& truth, const LogOptions& options, bool no_damage);

// TRIBUTARY_SEED, or a random one; printed.
std::uint64_t chosen_seed();

}  // namespace tributary::test
