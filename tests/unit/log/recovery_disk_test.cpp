// What open() makes of a disk that fails or is full meanwhile.

#include <catch2/catch.hpp>

#include "tests/unit/log/log_fixture.h"

using namespace tributary;
using namespace tributary::test;

namespace {

std::uint64_t bytes_on(const MemoryFileSystem& files) {
  std::uint64_t used = 0;
  for (const auto& [name, bytes] : files.snapshot()) used += bytes.size();
  return used;
}

}  // namespace

TEST_CASE("a call of the disk that fails once while the log is opened costs nothing") {
  bool more = true;
  for (std::uint64_t call = 0; more; ++call) {
    CAPTURE(call);
    MemoryFileSystem files;
    {
      auto log = open_log(files, ten_in_a_segment());
      write_records(*log, 1, 25);
      must(log->release("reader", {{1}, {3}}));
      must(log->release("reader", {{4}, {6}}));
    }
    const auto before = files.calls();
    files.fail_calls(before + call, 1, EIO);
    auto log = Log::open(files, ten_in_a_segment());
    more = files.calls() > before + call;
    files.mend();
    if (!log) continue;
    REQUIRE((*log)->position("reader").prefix.value == 6);
    REQUIRE((*log)->recovery().damaged_records == 0);
    REQUIRE(sequences(read_all(**log)) == numbers(1, 25));
  }
}

TEST_CASE("a directory that could not be looked at is not taken for one that is durable") {
  std::mt19937_64 random(0);
  for (std::uint64_t call = 0; call < 8; ++call) {
    CAPTURE(call);
    MemoryFileSystem files;
    files.fail_calls(call, 1, EIO);
    auto log = Log::open(files, small_log());
    if (!log) log = Log::open(files, small_log());
    write_records(*must(std::move(log)), 1, 3);
    files.restart(Crash::drop, random);
    REQUIRE(sequences(read_all(*open_log(files))) == numbers(1, 3));
  }
}

TEST_CASE("an end of the last segment that can't be read is neither cut off nor used again") {
  MemoryFileSystem files;
  make_log(files, 200);
  files.make_unreadable(segment_path(1), frame_offset(199), frame_offset(201));
  std::uint64_t next = 0;
  {
    const auto log = open_log(files);
    const auto records = read_all(*log);
    REQUIRE(records.entries.size() > 100);
    REQUIRE(sequences(records) == numbers(1, records.entries.size()));
    REQUIRE(log->recovery().torn_bytes == 0);
    next = must(log->append(as_bytes("next"))).value;
    REQUIRE(next > 200);
    must(log->commit());
    REQUIRE(must(log->read({200}, {})).entries.size() == 1);
  }
  files.mend();
  const auto records = must(open_log(files)->read({0}, {}));
  auto expected = numbers(1, 200);
  expected.push_back(next);
  REQUIRE(sequences(records) == expected);
}

TEST_CASE("a disk without room for a copy does not prevent opening") {
  const bool damaged_header = GENERATE(false, true);
  MemoryFileSystem files;
  make_log(files, 25, ten_in_a_segment());
  if (damaged_header) files.flip(segment_path(21), 0);
  files.set_capacity(bytes_on(files) + 50);
  const auto log = open_log(files, ten_in_a_segment());
  REQUIRE(sequences(read_all(*log)) == numbers(1, 25));
  REQUIRE(must(log->append(as_bytes("more"))).value == 26);
  REQUIRE(!log->commit());
  files.set_capacity(1U << 30);
  REQUIRE(must(log->commit()).value == 26);
}

// Linux calls the pages of a failed sync clean: they can be read until the power goes, and the next
// sync passes over them.
TEST_CASE("what is in the page cache alone is not taken for durable when no copy can be made") {
  std::mt19937_64 random(0);
  for (const auto failing : {Operation::create, Operation::write, Operation::sync,
                             Operation::rename, Operation::sync_directory}) {
    CAPTURE(static_cast<int>(failing));
    MemoryFileSystem files;
    {
      auto log = open_log(files);
      write_records(*log, 1, 3);
      must(log->append(as_bytes(record_text(4))));
      // The process ends before it can cut off what it wrote.
      files.fail_next(Operation::sync, EIO);
      files.fail_next(Operation::truncate, EIO);
      REQUIRE(!log->commit());
    }
    files.restart(Crash::process, random);
    files.fail_next(failing, EIO);
    auto opened = Log::open(files, small_log());
    if (!opened) opened = Log::open(files, small_log());
    const auto log = must(std::move(opened));
    const auto readable = sequences(read_all(*log));
    REQUIRE(readable.size() >= 3);
    files.restart(Crash::drop, random);
    REQUIRE(sequences(read_all(*open_log(files))) == readable);
  }
}

TEST_CASE("on a full disk, too, what is in the page cache alone is not taken for durable") {
  std::mt19937_64 random(0);
  MemoryFileSystem files;
  MemoryFileSystem others;
  make_log(others, 1);
  {
    auto log = open_log(files);
    write_records(*log, 1, 3);
    must(log->append(as_bytes(record_text(4))));
    files.fail_next(Operation::sync, EIO);
    files.fail_next(Operation::truncate, EIO);
    REQUIRE(!log->commit());
  }
  files.restart(Crash::process, random);
  files.put(segment_path(100), others.contents(segment_path(1)));
  files.set_capacity(bytes_on(files));
  {
    const auto log = open_log(files);
    REQUIRE(sequences(read_all(*log)) == numbers(1, 3));
    REQUIRE(log->stats().committed.value == 3);
    REQUIRE(log->recovery().damaged_records == 0);
    REQUIRE(log->recovery().foreign_files == 1);
    REQUIRE(std::ranges::any_of(log->recovery().notes, [](const auto& note) {
      return note.contains("the disk has less of it");
    }));
  }
  files.restart(Crash::drop, random);
  REQUIRE(sequences(read_all(*open_log(files))) == numbers(1, 3));
}

TEST_CASE(
    "a release in the page cache alone takes no segment away when its cursor can't be copied") {
  std::mt19937_64 random(0);
  MemoryFileSystem files;
  {
    auto log = open_log(files);
    write_records(*log, 1, 6);
    must(log->release("reader", {{1}, {3}}));
    files.fail_next(Operation::sync, EIO);
    REQUIRE(!log->release("reader", {{4}, {6}}));
  }
  files.restart(Crash::process, random);
  files.set_capacity(bytes_on(files));
  REQUIRE(open_log(files)->position("reader").prefix.value == 3);
  files.restart(Crash::drop, random);
  files.set_capacity(1U << 30);
  const auto log = open_log(files);
  REQUIRE(log->position("reader").prefix.value == 3);
  REQUIRE(sequences(read_all(*log, 3)) == numbers(4, 6));
  REQUIRE(must(log->append(as_bytes("more"))).value == 7);
}
