#include "shared/log/log.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>

#include "shared/log/position.h"
#include "tests/unit/log/log_fixture.h"

using namespace std::chrono_literals;
using namespace tributary;
using namespace tributary::test;

namespace {

// Ten records of record_text() to a segment, three segments at most.
LogOptions three_segments(WhenFull when_full) {
  auto options = small_log();
  options.segment_size = kSegmentHeaderSize + 10 * kSmallFrame;
  options.size_max = 3 * options.segment_size + 2 * kSegmentHeaderSize;
  options.when_full = when_full;
  return options;
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "tributary-log-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a record is readable once it is committed, not before") {
  MemoryFileSystem files;
  const auto log = open_log(files);
  REQUIRE(must(log->append(as_bytes(record_text(1)))).value == 1);
  REQUIRE(read_all(*log).entries.empty());
  REQUIRE(log->stats().appended.value == 1);
  REQUIRE(log->stats().committed.value == 0);
  REQUIRE(must(log->commit()).value == 1);
  REQUIRE(sequences(read_all(*log)) == numbers(1, 1));
}

TEST_CASE("a commit with nothing to do costs nothing") {
  MemoryFileSystem files;
  const auto log = open_log(files);
  const auto before = files.mutations();
  REQUIRE(must(log->commit()).value == 0);
  write_records(*log, 1, 3);
  const auto after = files.mutations();
  REQUIRE(must(log->commit()).value == 3);
  REQUIRE(files.mutations() == after);
  REQUIRE(after > before);
}

TEST_CASE("a commit is one write and one sync, however many records") {
  MemoryFileSystem files;
  const auto log = open_log(files);
  write_records(*log, 1, 1);
  const auto before = files.mutations();
  write_records(*log, 2, 200);
  REQUIRE(files.mutations() == before + 2);
}

TEST_CASE("an empty record and one over the limit are too large; one at the limit is not") {
  MemoryFileSystem files;
  const auto log = open_log(files);
  REQUIRE(log->append({}).error() == errc::too_large);
  REQUIRE(log->append(Bytes(kRecordSizeMax + 1)).error() == errc::too_large);
  must(log->append(Bytes(kRecordSizeMax)));
  must(log->append(as_bytes("x")));
  must(log->commit());
  const auto records = must(log->read({0}, {.records = 10, .bytes = 1}));
  REQUIRE(sequences(records) == numbers(1, 1));
  REQUIRE(records.entries[0].payload.size() == kRecordSizeMax);
}

TEST_CASE("a read stops at its limits and the next one goes on") {
  MemoryFileSystem files;
  const auto log = open_log(files, three_segments(WhenFull::refuse));
  write_records(*log, 1, 25);
  REQUIRE(sequences(must(log->read({0}, {.records = 12}))) == numbers(1, 12));
  REQUIRE(sequences(must(log->read({12}, {.records = 100, .bytes = 40 * 9}))) == numbers(13, 21));
  REQUIRE(sequences(must(log->read({21}, {}))) == numbers(22, 25));
  REQUIRE(must(log->read({25}, {})).entries.empty());
  REQUIRE(must(log->read({999}, {})).missing.empty());
}

TEST_CASE("what a read returned stays valid when it is moved") {
  MemoryFileSystem files;
  const auto log = open_log(files);
  write_records(*log, 1, 5);
  auto records = read_all(*log);
  const auto moved = std::move(records);
  for (const auto& [sequence, payload] : moved.entries)
    REQUIRE(as_text(payload) == record_text(sequence.value));
}

TEST_CASE("records stay pending after a failed sync and go to a new segment, in order") {
  const auto operation = GENERATE(Operation::sync, Operation::write);
  const bool truncates = GENERATE(true, false);
  MemoryFileSystem files;
  auto log = open_log(files);
  write_records(*log, 1, 5);
  must(log->append(as_bytes(record_text(6))));
  files.fail_next(operation, EIO);
  if (!truncates) files.fail_next(Operation::truncate, EIO);
  REQUIRE(!log->commit());
  REQUIRE(log->stats().failed_syncs == 1);
  REQUIRE(sequences(read_all(*log)) == numbers(1, 5));
  must(log->append(as_bytes(record_text(7))));
  files.fail_next(Operation::sync, EIO);
  REQUIRE(!log->commit());
  REQUIRE(must(log->commit()).value == 7);
  REQUIRE(files.exists(segment_path(6)));
  REQUIRE(sequences(read_all(*log)) == numbers(1, 7));
  log.reset();
  std::mt19937_64 random(1);
  files.restart(Crash::drop, random);
  log = open_log(files);
  REQUIRE(sequences(read_all(*log)) == numbers(1, 7));
  REQUIRE(log->recovery().damaged_records == 0);
  REQUIRE(log->recovery().torn_bytes == 0);
}

TEST_CASE("append says when too much waits for a commit") {
  MemoryFileSystem files;
  auto options = small_log();
  options.pending_size_max = 2 * kSmallFrame;
  const auto log = open_log(files, options);
  must(log->append(as_bytes(record_text(1))));
  must(log->append(as_bytes(record_text(2))));
  REQUIRE(log->append(as_bytes(record_text(3))).error() == errc::queue_full);
  must(log->commit());
  REQUIRE(must(log->append(as_bytes(record_text(3)))).value == 3);
}

TEST_CASE("a full log refuses records until its reader releases some") {
  MemoryFileSystem files;
  const auto options = three_segments(WhenFull::refuse);
  const auto log = open_log(files, options);
  std::uint64_t last = 0;
  for (;;) {
    const auto appended = log->append(as_bytes(record_text(last + 1)));
    if (!appended) {
      REQUIRE(appended.error() == errc::log_full);
      break;
    }
    last = appended->value;
    must(log->commit());
    REQUIRE(log->stats().bytes <= options.size_max);
  }
  REQUIRE(last >= 28);
  must(log->release("reader", range(1, 9)));
  REQUIRE(log->append(as_bytes("more")).error() == errc::log_full);
  must(log->release("reader", range(10, 10)));
  REQUIRE(!files.exists(segment_path(1)));
  REQUIRE(must(log->append(as_bytes(record_text(last + 1)))).value == last + 1);
}

TEST_CASE("drop_oldest keeps the newest records within the quota and counts what nobody released") {
  MemoryFileSystem files;
  const auto options = three_segments(WhenFull::drop_oldest);
  auto log = open_log(files, options);
  write_records(*log, 1, 10);
  must(log->release("reader", range(3, 5)));
  for (std::uint64_t number = 11; number <= 100; ++number) {
    write_records(*log, number, number);
    REQUIRE(log->stats().bytes <= options.size_max);
  }
  const auto first = log->stats().first.value;
  REQUIRE(first > 70);
  const auto position = log->position("reader");
  REQUIRE(position.prefix.value == first - 1);
  REQUIRE(position.dropped == first - 1 - 3);
  REQUIRE(log->stats().dropped_records == position.dropped);
  const auto records = read_all(*log);
  REQUIRE(sequences(records) == numbers(first, 100));
  REQUIRE(records.missing == std::vector{range(1, first - 1)});
  log.reset();
  log = open_log(files, options);
  REQUIRE(log->position("reader").dropped == first - 1 - 3);
  REQUIRE(log->position("reader").prefix.value == first - 1);
}

TEST_CASE("an oldest segment that could not be removed is removed once the disk lets it go") {
  MemoryFileSystem files;
  const auto options = three_segments(WhenFull::drop_oldest);
  const auto log = open_log(files, options);
  files.fail_next(Operation::remove, EIO, 100);
  std::uint64_t written = 0;
  do {
    must(log->append(as_bytes(record_text(++written))));
  } while (log->commit());
  files.mend();
  REQUIRE(must(log->commit()).value == written);
  REQUIRE(log->stats().bytes <= options.size_max);
}

TEST_CASE("an unfinished file that could not be cleared away is in nobody's way") {
  MemoryFileSystem files;
  const auto log = open_log(files);
  must(log->append(as_bytes(record_text(1))));
  files.fail_next(Operation::sync, EIO);
  files.fail_next(Operation::remove, EIO);
  REQUIRE(!log->commit());
  REQUIRE(must(log->commit()).value == 1);
}

TEST_CASE("a batch larger than a segment is spread over several") {
  MemoryFileSystem files;
  const auto log = open_log(files, three_segments(WhenFull::refuse));
  write_records(*log, 1, 25);
  REQUIRE(log->stats().segments == 3);
  REQUIRE(sequences(read_all(*log)) == numbers(1, 25));
}

TEST_CASE("ranges are kept until the gap closes, with their data") {
  MemoryFileSystem files;
  auto log = open_log(files);
  write_records(*log, 1, 20);
  must(log->release("reader", range(5, 6), as_bytes("one")));
  must(log->release("reader", range(9, 9)));
  must(log->release("reader", range(7, 7), as_bytes("two")));
  auto position = log->position("reader");
  REQUIRE(position.prefix.value == 0);
  REQUIRE(position.ranges == std::vector{range(5, 7), range(9, 9)});
  REQUIRE(as_text(position.data) == "two");
  REQUIRE(position.released({9}));
  REQUIRE(!position.released({8}));
  must(log->release("reader", range(1, 4)));
  must(log->release("reader", range(2, 1), as_bytes("three")));  // data alone
  log.reset();
  log = open_log(files);
  position = log->position("reader");
  REQUIRE(position.prefix.value == 7);
  REQUIRE(position.ranges == std::vector{range(9, 9)});
  REQUIRE(as_text(position.data) == "three");
  must(log->release("reader", range(1, 20)));
  REQUIRE(log->position("reader").prefix.value == 20);
  REQUIRE(log->position("reader").ranges.empty());
}

TEST_CASE("too many ranges are refused and change nothing") {
  MemoryFileSystem files;
  const auto log = open_log(files);
  write_records(*log, 1, 400);
  for (std::uint64_t i = 1; i <= kCursorRangesMax; ++i)
    must(log->release("reader", range(2 * i, 2 * i)));
  const auto refused = log->release("reader", range(300, 300), as_bytes("x"));
  REQUIRE(refused.error() == errc::queue_full);
  REQUIRE(log->position("reader").ranges.size() == kCursorRangesMax);
  REQUIRE(log->position("reader").data.empty());
  must(log->release("reader", range(1, 1)));
  must(log->release("reader", range(300, 300)));
}

TEST_CASE("released ranges are a set of sequences") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    Position position;
    std::vector<bool> released(42);
    for (int i = 0; i < 12; ++i) {
      const auto first = 1 + random() % 40;
      const auto last = std::min<std::uint64_t>(40, first + random() % 6);
      add_released(position, range(first, last));
      for (auto at = first; at <= last; ++at) released[static_cast<std::size_t>(at)] = true;
      for (std::size_t at = 1; at <= 40; ++at) REQUIRE(position.released({at}) == released[at]);
      Sequence end = position.prefix;
      for (const auto& one : position.ranges) {
        REQUIRE(one.first > end.next());
        end = one.last;
      }
      std::uint64_t missing = 0;
      for (const auto& one : unreleased(position, range(5, 30))) missing += one.count();
      std::uint64_t expected = 0;
      for (std::size_t at = 5; at <= 30; ++at) expected += released[at] ? 0 : 1;
      REQUIRE(missing == expected);
    }
  }
}

TEST_CASE("a segment's disk space comes back as soon as every cursor passed it") {
  MemoryFileSystem files;
  auto options = three_segments(WhenFull::refuse);
  options.cursors = {"a", "b"};
  const auto log = open_log(files, options);
  write_records(*log, 1, 25);
  must(log->release("a", range(1, 25)));
  REQUIRE(files.exists(segment_path(1)));
  must(log->release("b", range(1, 10)));
  REQUIRE(!files.exists(segment_path(1)));
  REQUIRE(files.exists(segment_path(11)));
  must(log->release("b", range(11, 25)));
  REQUIRE(log->stats().segments == 0);
  REQUIRE(log->stats().bytes == 0);
  REQUIRE(log->stats().first.value == 26);
  write_records(*log, 26, 30);
  REQUIRE(sequences(read_all(*log, 25)) == numbers(26, 30));
}

TEST_CASE("an empty log goes on with its sequences and its id after a restart") {
  MemoryFileSystem files;
  auto log = open_log(files, three_segments(WhenFull::refuse));
  const auto id = log->id();
  write_records(*log, 1, 25);
  must(log->release("reader", range(1, 25)));
  log.reset();
  log = open_log(files, three_segments(WhenFull::refuse));
  REQUIRE(log->id() == id);
  write_records(*log, 26, 26);
}

TEST_CASE("a failed release changes nothing, and the next one makes the cursor's file anew") {
  MemoryFileSystem files;
  auto log = open_log(files);
  write_records(*log, 1, 9);
  must(log->release("reader", range(1, 2), as_bytes("before")));
  files.fail_next(GENERATE(Operation::sync, Operation::write), EIO);
  REQUIRE(!log->release("reader", range(3, 4), as_bytes("failed")));
  REQUIRE(log->position("reader").prefix.value == 2);
  REQUIRE(as_text(log->position("reader").data) == "before");
  must(log->release("reader", range(3, 5), as_bytes("after")));
  log.reset();
  std::mt19937_64 random(1);
  files.restart(Crash::drop, random);
  log = open_log(files);
  REQUIRE(log->position("reader").prefix.value == 5);
  REQUIRE(as_text(log->position("reader").data) == "after");
}

TEST_CASE("a new cursor starts before the first record that the log still has") {
  MemoryFileSystem files;
  auto options = three_segments(WhenFull::refuse);
  {
    const auto log = open_log(files, options);
    write_records(*log, 1, 15);
    must(log->release("reader", range(1, 12)));
  }
  options.cursors = {"reader", "new"};
  REQUIRE(open_log(files, options)->position("new").prefix.value == 10);
}

TEST_CASE("options that can't work are refused") {
  MemoryFileSystem files;
  auto options = small_log({"Upper"});
  REQUIRE(Log::open(files, options).error() == errc::invalid_argument);
  options.cursors = {"a", "a"};
  REQUIRE(Log::open(files, options).error() == errc::invalid_argument);
  options.cursors = {std::string(64, 'a')};
  REQUIRE(Log::open(files, options).error() == errc::invalid_argument);
  options.cursors = {std::string(63, 'a')};
  options.segment_size = options.size_max;
  REQUIRE(Log::open(files, options).error() == errc::invalid_argument);
}

TEST_CASE(
    "wait returns when a record is committed, when the time is over, and when asked to stop") {
  MemoryFileSystem files;
  const auto log = open_log(files);
  std::stop_source stop;
  REQUIRE(!log->wait({0}, 1ms, stop.get_token()));
  std::jthread writer([&] {
    static_cast<void>(log->append(as_bytes("x")));
    static_cast<void>(log->commit());
  });
  REQUIRE(log->wait({0}, 60s, stop.get_token()));
  REQUIRE(log->wait({0}, 0ms, stop.get_token()));
  std::jthread stopper([&] { stop.request_stop(); });
  REQUIRE(!log->wait({1}, 60s, stop.get_token()));
}

TEST_CASE("commits of many threads are shared, and every record is there once and in order") {
  const TemporaryDirectory directory;
  auto options = small_log();
  options.directory = directory.path() / "deeper" / "log";
  options.segment_size = 16U << 10;
  constexpr std::uint64_t kThreads = 4;
  constexpr std::uint64_t kEach = 200;
  {
    const auto log = open_log(posix_file_system(), options);
    std::vector<std::jthread> threads;
    std::atomic<int> failures = 0;
    for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::uint64_t i = 0; i < kEach; ++i) {
          const auto text = std::to_string(thread) + ":" + std::to_string(i);
          const auto appended = log->append(as_bytes(text));
          const auto through = log->commit();
          if (!appended || !through || *through < *appended) ++failures;
        }
      });
    }
    std::vector<std::uint64_t> next(kThreads);
    std::uint64_t after = 0;
    while (after < kThreads * kEach) {
      REQUIRE(log->wait({after}, 60s, {}));
      const auto records = must(log->read({after}, {}));
      REQUIRE(records.missing.empty());
      for (const auto& [sequence, payload] : records.entries) {
        REQUIRE(sequence.value == ++after);
        const std::string text(as_text(payload));
        const auto thread = std::stoul(text);
        REQUIRE(text == std::to_string(thread) + ":" + std::to_string(next[thread]++));
      }
      must(log->release("reader", {records.entries.front().sequence, {after}}));
    }
    threads.clear();
    REQUIRE(failures == 0);
    REQUIRE(log->position("reader").prefix.value == kThreads * kEach);
  }
  const auto log = open_log(posix_file_system(), options);
  REQUIRE(log->recovery().notes.empty());
  REQUIRE(log->stats().committed.value == kThreads * kEach);
  REQUIRE(Log::open(posix_file_system(), options).error() == errc::log_locked);
}

TEST_CASE("a file's bytes stay when its cached pages are dropped") {
  const TemporaryDirectory directory;
  const auto file = must(posix_file_system().open(directory.path() / "file", OpenMode::create));
  must(file->write(0, as_bytes("bytes")));
  must(file->sync());
  must(file->drop_cached());
  Bytes bytes(5);
  REQUIRE(must(file->read(0, bytes)) == 5);
  REQUIRE(as_text(bytes) == "bytes");
}
