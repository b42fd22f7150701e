// Crashes the log after each single operation that changes a file or a directory, in each way,
// opens it again, crashes that, too, and checks what is promised: what was committed is readable,
// nothing is invented, a cursor stands where it was released to. TRIBUTARY_SEED=n repeats a run.

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <set>

#include "shared/log/position.h"
#include "tests/unit/log/log_fixture.h"

using namespace tributary;
using namespace tributary::test;

namespace {

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

const std::vector<std::string> kCursors{"fast", "slow"};

LogOptions options_of(const Variant& variant) {
  auto options = small_log(kCursors);
  options.segment_size = 1024;
  options.size_max = variant.size_max;
  options.when_full = variant.when_full;
  return options;
}

// What the world outside knows of one cursor: each call of release() is numbered, saves its number,
// and leads to one set of released sequences.
struct CursorTruth {
  std::vector<Position> after{Position{}};  // call 0: the start
  std::size_t returned = 0;                 // the last call that succeeded
};

// What the world outside knows of the log. It outlives crashes.
struct Truth {
  std::map<std::uint64_t, std::string> appended;
  std::uint64_t committed = 0;
  std::uint64_t seen = 0;  // by a reader
  std::map<std::string, CursorTruth> cursors{{"fast", {}}, {"slow", {}}};
};

Bytes call_number(std::size_t call) {
  Bytes bytes(4);
  store_le(bytes.data(), static_cast<std::uint32_t>(call));
  return bytes;
}

// One life of the program, until the power goes or the script ends.
class Life {
 public:
  Life(MemoryFileSystem& files, Truth& truth, const Variant& variant, std::uint64_t seed)
      : files_(files), truth_(truth), variant_(variant), random_(seed) {}

  void run(int steps) {
    auto opened = Log::open(files_, options_of(variant_));
    if (!opened) {
      REQUIRE(files_.crashed());
      return;
    }
    log_ = std::move(*opened);
    for (int step = 0; step < steps && !files_.crashed(); ++step) {
      append();
      if (random_() % 3 == 0) append();
      if (variant_.failures && random_() % 6 == 0) files_.fail_next(Operation::sync, EIO);
      if (variant_.failures && random_() % 24 == 0) files_.fail_next(Operation::truncate, EIO);
      if (variant_.failures && random_() % 24 == 0) files_.fail_next(Operation::write, ENOSPC);
      if (variant_.failures && random_() % 24 == 0)
        files_.fail_next(Operation::sync_directory, EIO);
      if (random_() % 3 != 0) commit();
      if (random_() % 2 == 0) release("fast", 4);
      if (random_() % 3 == 0) release("slow", 2);
    }
    if (!files_.crashed()) commit();
  }

 private:
  void append() {
    auto text = "life " + std::to_string(random_()) + std::string(random_() % 300, 'x');
    const auto sequence = log_->append(as_bytes(text));
    if (!sequence) {
      REQUIRE((sequence.error() == errc::log_full || sequence.error() == errc::queue_full));
      return;
    }
    REQUIRE(sequence->value > truth_.committed);
    REQUIRE(sequence->value > truth_.seen);
    truth_.appended[sequence->value] = std::move(text);
  }

  void commit() {
    const auto through = log_->commit();
    if (through) truth_.committed = through->value;
  }

  // Reads behind the prefix and releases one or a few of the records, not always the first.
  void release(const std::string& name, std::size_t most) {
    auto& cursor = truth_.cursors[name];
    const auto records =
        log_->read(log_->position(name).prefix, {.records = most, .bytes = 1U << 20});
    if (!records || records->entries.empty()) return;
    for (const auto& [sequence, payload] : records->entries) {
      REQUIRE(sequence <= log_->stats().committed);
      REQUIRE(as_text(payload) == truth_.appended.at(sequence.value));
      truth_.seen = std::max(truth_.seen, sequence.value);
    }
    // A commit that failed may have made a part durable; what a reader saw must stay.
    truth_.committed = std::max(truth_.committed, truth_.seen);
    const auto skip = random_() % 3 == 0 ? 1U : 0U;
    if (skip >= records->entries.size()) return;
    const SequenceRange range{records->entries[skip].sequence, records->entries.back().sequence};
    auto position = cursor.after[cursor.returned];
    add_released(position, range);
    const auto call = cursor.after.size();
    cursor.after.push_back(std::move(position));
    if (log_->release(name, range, call_number(call))) cursor.returned = call;
  }

  MemoryFileSystem& files_;
  Truth& truth_;
  const Variant& variant_;
  std::mt19937_64 random_;
  std::unique_ptr<Log> log_;
};

// The position is what some call since the last successful one made, and its data says which.
// What drops released beyond that is counted.
void check_cursor(CursorTruth& truth, const Position& position) {
  const std::size_t call = position.data.empty() ? 0 : load_le<std::uint32_t>(position.data.data());
  REQUIRE(call >= truth.returned);
  REQUIRE(call < truth.after.size());
  const auto& expected = truth.after[call];
  const auto last = std::max(last_released(position), last_released(expected)).value;
  std::uint64_t beyond = 0;
  std::uint64_t forgotten = 0;
  for (std::uint64_t sequence = 1; sequence <= last; ++sequence) {
    const bool released = position.released({sequence});
    if (expected.released({sequence}) && !released) ++forgotten;
    if (!expected.released({sequence}) && released) ++beyond;
  }
  REQUIRE(forgotten == 0);
  REQUIRE(beyond <= position.dropped);
  // From now on this is the truth.
  truth.after.resize(call + 1);
  truth.after[call] = position;
  truth.returned = call;
}

void check_records(Truth& truth, const Log& log, Sequence released) {
  const auto records = must(log.read({0}, {.records = 100'000, .bytes = 1U << 28}));
  std::map<std::uint64_t, std::string> readable;
  std::vector<std::uint64_t> out_of_order;
  std::vector<std::uint64_t> invented;
  std::vector<std::uint64_t> lost;
  std::uint64_t last = 0;
  for (const auto& [sequence, payload] : records.entries) {
    if (sequence.value <= last) out_of_order.push_back(sequence.value);
    last = sequence.value;
    const auto appended = truth.appended.find(last);
    if (appended == truth.appended.end() || as_text(payload) != appended->second) {
      invented.push_back(last);
    }
    readable[last] = as_text(payload);
  }
  for (const auto& [sequence, text] : truth.appended) {
    const bool needed = sequence > released.value && sequence <= truth.committed;
    if (needed && !readable.contains(sequence)) lost.push_back(sequence);
  }
  REQUIRE(out_of_order.empty());
  REQUIRE(invented.empty());
  REQUIRE(lost.empty());
  // What is readable now is committed; what isn't never was, or is released.
  truth.appended = std::move(readable);
  truth.committed = std::max(truth.committed, log.stats().committed.value);
  truth.seen = std::max(truth.seen, last);
}

// Opens what is there and holds it against the truth, which it brings up to date.
void check(MemoryFileSystem& files, Truth& truth, const Variant& variant, bool no_damage) {
  const auto log = open_log(files, options_of(variant));
  Sequence released{~std::uint64_t{0}};
  for (const auto& name : kCursors) {
    const auto position = log->position(name);
    check_cursor(truth.cursors[name], position);
    released = std::min(released, position.prefix);
  }
  check_records(truth, *log, released);
  REQUIRE(log->recovery().void_cursors == 0);
  REQUIRE(log->recovery().foreign_files == 0);
  if (no_damage) REQUIRE(log->recovery().damaged_records == 0);
}

bool leaves_whole_records(Crash crash) { return crash == Crash::process || crash == Crash::drop; }

// After `crash`: the log is as promised, stays so when the power goes at once, and goes on.
void check_all(MemoryFileSystem& files, Truth truth, const Variant& variant, bool no_damage,
               std::mt19937_64& random) {
  check(files, truth, variant, no_damage);
  files.restart(Crash::drop, random);
  check(files, truth, variant, no_damage);
  Life(files, truth, variant, random()).run(3);
  files.restart(Crash::drop, random);
  check(files, truth, variant, no_damage);
}

std::uint64_t chosen_seed() {
  const auto* text = std::getenv("TRIBUTARY_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
}

}  // namespace

TEST_CASE("what was committed is readable after a crash at any point, and nothing is invented") {
  const auto seed = chosen_seed();
  std::cout << "TRIBUTARY_SEED=" << seed << std::endl;
  std::mt19937_64 random(seed);
  std::uint64_t points = 0;
  std::uint64_t crashes = 0;
  for (const auto& variant : kVariants) {
    const auto script = random();
    bool more = true;
    for (std::uint64_t after = 0; more; ++after, ++points) {
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
          const auto opened = Log::open(*recovering, options_of(variant));
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
