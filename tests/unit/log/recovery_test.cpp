// What open() makes of files that a crash, a bad disk or a careless person left.

#include <catch2/catch.hpp>

#include "tests/unit/log/log_fixture.h"

using namespace tributary;
using namespace tributary::test;

TEST_CASE("a log that was closed opens with everything that was committed") {
  MemoryFileSystem files;
  make_log(files, 25, ten_in_a_segment());
  const auto log = open_log(files, ten_in_a_segment());
  REQUIRE(sequences(read_all(*log)) == numbers(1, 25));
  REQUIRE(log->stats().segments == 3);
  REQUIRE(log->recovery().notes.empty());
  write_records(*log, 26, 30);
  REQUIRE(sequences(read_all(*log)) == numbers(1, 30));
}

TEST_CASE("the log's id lasts") {
  MemoryFileSystem files;
  const auto id = open_log(files)->id();
  make_log(files, 3);
  REQUIRE(open_log(files)->id() == id);
  REQUIRE(open_log(files, small_log({}))->id() == id);
}

TEST_CASE("a torn tail is truncated without reporting loss") {
  for (std::uint64_t cut = 1; cut < kSmallFrame; ++cut) {
    CAPTURE(cut);
    MemoryFileSystem files;
    make_log(files, 5);
    files.shrink(segment_path(1), cut);
    auto log = open_log(files);
    REQUIRE(sequences(read_all(*log)) == numbers(1, 4));
    REQUIRE(read_all(*log).missing.empty());
    REQUIRE(log->recovery().torn_bytes == kSmallFrame - cut);
    REQUIRE(log->recovery().damaged_records == 0);
    REQUIRE(files
                .contents(kLogDirectory / "damaged" /
                          (segment_name({1}) + "." + std::to_string(frame_offset(5))))
                .size() == kSmallFrame - cut);
    write_records(*log, 5, 6);
    log.reset();
    log = open_log(files);
    REQUIRE(log->recovery().torn_bytes == 0);
    REQUIRE(sequences(read_all(*log)) == numbers(1, 6));
  }
}

TEST_CASE("a tail of zeros, as some file systems leave it, is a torn one") {
  MemoryFileSystem files;
  make_log(files, 5);
  auto bytes = files.contents(segment_path(1));
  bytes.resize(bytes.size() + 4096);
  files.put(segment_path(1), bytes);
  const auto log = open_log(files);
  REQUIRE(log->recovery().torn_bytes == 4096);
  REQUIRE(sequences(read_all(*log)) == numbers(1, 5));
  write_records(*log, 6, 6);
}

TEST_CASE("a flipped bit in a payload costs that record alone") {
  MemoryFileSystem files;
  make_log(files, 5);
  files.flip(segment_path(1), frame_offset(3) + kFrameHeaderSize + 7);
  for (int start = 0; start < 2; ++start) {
    const auto log = open_log(files);
    const auto records = read_all(*log);
    REQUIRE(sequences(records) == std::vector<std::uint64_t>{1, 2, 4, 5});
    REQUIRE(records.missing.size() == 1);
    REQUIRE(records.missing[0] == range(3, 3));
    REQUIRE(log->recovery().damaged_records == 1);
    REQUIRE(log->recovery().damaged_bytes == kSmallFrame);
    REQUIRE(log->recovery().torn_bytes == 0);
  }
}

TEST_CASE("damage to what every cursor has released is no loss") {
  MemoryFileSystem files;
  {
    auto log = open_log(files);
    write_records(*log, 1, 5);
    must(log->release("reader", range(1, 3)));
  }
  files.flip(segment_path(1), frame_offset(2) + kFrameHeaderSize);
  REQUIRE(open_log(files)->recovery().damaged_records == 0);
}

TEST_CASE("a damaged header costs only the gap") {
  MemoryFileSystem files;
  make_log(files, 10);
  const auto at = GENERATE(0U, 4U, 8U, 12U, 14U, 16U, 23U);
  CAPTURE(at);
  files.flip(segment_path(1), frame_offset(3) + at, 0x40);
  files.flip(segment_path(1), frame_offset(4) + at, 0x40);
  const auto log = open_log(files);
  const auto records = read_all(*log);
  REQUIRE(sequences(records) == std::vector<std::uint64_t>{1, 2, 5, 6, 7, 8, 9, 10});
  REQUIRE(records.missing.size() == 1);
  REQUIRE(records.missing[0] == range(3, 4));
  REQUIRE(log->recovery().damaged_records == 2);
  REQUIRE(log->recovery().damaged_bytes == 2 * kSmallFrame);
  REQUIRE(files
              .contents(kLogDirectory / "damaged" /
                        (segment_name({1}) + "." + std::to_string(frame_offset(3))))
              .size() == 2 * kSmallFrame);
}

TEST_CASE(
    "a flipped bit anywhere in the last record costs it, and its sequence is not used again") {
  for (std::uint64_t at = 0; at < kSmallFrame; ++at) {
    CAPTURE(at);
    MemoryFileSystem files;
    make_log(files, 5);
    files.flip(segment_path(1), frame_offset(5) + at, 0x10);
    for (int start = 0; start < 2; ++start) {
      const auto log = open_log(files);
      REQUIRE(sequences(read_all(*log)) == numbers(1, 4));
      REQUIRE(log->recovery().damaged_records == 1);
      REQUIRE(log->recovery().torn_bytes == 0);
    }
    auto log = open_log(files);
    write_records(*log, 6, 7);
    const auto records = read_all(*log);
    REQUIRE(sequences(records) == std::vector<std::uint64_t>{1, 2, 3, 4, 6, 7});
    REQUIRE(records.missing[0] == range(5, 5));
    log.reset();
    REQUIRE(sequences(read_all(*open_log(files))) == std::vector<std::uint64_t>{1, 2, 3, 4, 6, 7});
  }
}

TEST_CASE("a record that was cut off behind a damaged one doesn't cover what is written next") {
  MemoryFileSystem files;
  make_log(files, 5);
  files.flip(segment_path(1), frame_offset(4) + 13);
  files.shrink(segment_path(1), 20);
  for (std::uint64_t start = 0; start < 3; ++start) {
    const auto log = open_log(files);
    REQUIRE(log->recovery().damaged_records == 1);
    write_records(*log, 5 + start, 5 + start);
  }
  const auto log = open_log(files);
  REQUIRE(sequences(read_all(*log)) == std::vector<std::uint64_t>{1, 2, 3, 5, 6, 7});
}

TEST_CASE("any one damaged byte of a segment costs two records at most, and never the start") {
  for (std::uint64_t at = 0; at < frame_offset(6); ++at) {
    CAPTURE(at);
    MemoryFileSystem files;
    make_log(files, 5);
    files.flip(segment_path(1), at, 0xFF);
    const auto log = open_log(files);
    const auto records = read_all(*log);
    REQUIRE(records.entries.size() >= (at < kSegmentHeaderSize ? 5 : 4));
    REQUIRE(must(log->append(as_bytes("more"))).value == 6);
  }
}

TEST_CASE("damage at the end of a segment that is not the last one is loss") {
  MemoryFileSystem files;
  make_log(files, 25, ten_in_a_segment());
  files.shrink(segment_path(1), kSmallFrame + 1);
  const auto log = open_log(files, ten_in_a_segment());
  const auto records = read_all(*log);
  REQUIRE(records.entries.size() == 23);
  REQUIRE(records.missing.size() == 1);
  REQUIRE(records.missing[0] == range(9, 10));
  REQUIRE(log->recovery().damaged_records == 2);
  REQUIRE(log->recovery().torn_bytes == 0);
}

TEST_CASE("a segment that is gone is a gap") {
  MemoryFileSystem files;
  make_log(files, 25, ten_in_a_segment());
  files.erase(segment_path(11));
  const auto log = open_log(files, ten_in_a_segment());
  const auto records = read_all(*log);
  REQUIRE(records.entries.size() == 15);
  REQUIRE(records.missing[0] == range(11, 20));
  REQUIRE(log->recovery().damaged_records == 10);
}

TEST_CASE("a segment with a damaged header is read all the same") {
  MemoryFileSystem files;
  make_log(files, 25, ten_in_a_segment());
  const auto id = open_log(files, ten_in_a_segment())->id();
  const auto which = GENERATE(1U, 11U, 21U);
  for (const auto at : {0U, 9U, 20U, 35U, 62U}) {
    CAPTURE(which, at);
    files.flip(segment_path(which), at);
    const auto log = open_log(files, ten_in_a_segment());
    REQUIRE(log->id() == id);
    REQUIRE(sequences(read_all(*log)) == numbers(1, 25));
    REQUIRE(log->recovery().foreign_files == 0);
    REQUIRE(log->recovery().damaged_records == 0);
  }
}

TEST_CASE(
    "the only segment's header is damaged and there is no cursor: its frames confirm the id") {
  MemoryFileSystem files;
  make_log(files, 5, small_log({}));
  const auto id = open_log(files, small_log({}))->id();
  files.flip(segment_path(1), 60);
  const auto log = open_log(files, small_log({}));
  REQUIRE(log->id() == id);
  REQUIRE(sequences(read_all(*log)) == numbers(1, 5));
}

TEST_CASE("an empty or torn newest segment does not prevent opening") {
  MemoryFileSystem files;
  make_log(files, 5);
  const auto size = GENERATE(0U, 1U, 63U, 64U, 200U);
  files.put(segment_path(6), Bytes(size));
  auto log = open_log(files);
  REQUIRE(sequences(read_all(*log)) == numbers(1, 5));
  REQUIRE(files.exists(kLogDirectory / "damaged" / segment_name({6})));
  const auto next = must(log->append(as_bytes("more")));
  REQUIRE(next.value > 6);
  must(log->commit());
  log.reset();
  REQUIRE(must(open_log(files)->append(as_bytes("more"))) == next.next());
}

TEST_CASE("a sequence is not used again when a lost segment's name alone tells of it") {
  MemoryFileSystem files;
  make_log(files, 5);
  files.put(segment_path(100), Bytes(64 + 25));
  REQUIRE(must(open_log(files)->append(as_bytes("more"))).value == 102);
  REQUIRE(must(open_log(files)->append(as_bytes("more"))).value == 102);
}

TEST_CASE("the next sequence is greater than what a cursor released") {
  MemoryFileSystem files;
  {
    auto log = open_log(files, small_log({"a", "b"}));
    write_records(*log, 1, 5);
    must(log->release("a", {{4}, {5}}));
  }
  files.erase(segment_path(1));
  REQUIRE(must(open_log(files, small_log({"a", "b"}))->append(as_bytes("more"))).value == 6);
  // … even when nobody uses that cursor any more.
  REQUIRE(must(open_log(files, small_log({"b"}))->append(as_bytes("more"))).value == 6);
  REQUIRE(must(open_log(files, small_log({"b"}))->append(as_bytes("more"))).value == 6);
}

TEST_CASE("a segment of another log is set aside, and nothing of it is read") {
  MemoryFileSystem files;
  MemoryFileSystem others;
  make_log(files, 25, ten_in_a_segment());
  make_log(others, 10, ten_in_a_segment());
  const auto foreign = others.contents(segment_path(1));
  const auto name = GENERATE(5U, 11U, 40U);
  const bool replaces = name == 11;
  files.put(segment_path(name), foreign);
  const auto log = open_log(files, ten_in_a_segment());
  REQUIRE(log->recovery().foreign_files == 1);
  REQUIRE(files.contents(kLogDirectory / "damaged" / segment_name({name})) == foreign);
  REQUIRE(read_all(*log).entries.size() == (replaces ? 15 : 25));
  REQUIRE(must(log->append(as_bytes("more"))).value == 26);
}

TEST_CASE("a foreign segment older than the only own one doesn't take the log over: cursors tell") {
  MemoryFileSystem files;
  MemoryFileSystem others;
  make_log(others, 3);
  {
    auto log = open_log(files, ten_in_a_segment());
    write_records(*log, 1, 15);
    must(log->release("reader", {{1}, {10}}));
  }
  REQUIRE(!files.exists(segment_path(1)));
  files.put(segment_path(1), others.contents(segment_path(1)));
  const auto log = open_log(files, ten_in_a_segment());
  REQUIRE(sequences(read_all(*log, 10)) == numbers(11, 15));
  REQUIRE(log->recovery().foreign_files == 1);
  REQUIRE(log->recovery().void_cursors == 0);
}

TEST_CASE("a cursor of another log is void") {
  MemoryFileSystem files;
  MemoryFileSystem others;
  make_log(files, 5);
  {
    auto log = open_log(others);
    write_records(*log, 1, 9);
    must(log->release("reader", {{1}, {9}}));
  }
  files.put(cursor_path("reader"), others.contents(cursor_path("reader")));
  const auto log = open_log(files);
  REQUIRE(log->position("reader").prefix.value == 0);
  REQUIRE(log->recovery().void_cursors == 1);
  REQUIRE(log->recovery().foreign_files == 1);
  REQUIRE(must(log->append(as_bytes("more"))).value == 6);
}

TEST_CASE("one damaged slot of a cursor costs one release at most") {
  for (const std::uint64_t slot : {0U, 4096U}) {
    for (const std::uint64_t at : {0U, 16U, 41U, 4095U}) {
      CAPTURE(slot, at);
      MemoryFileSystem files;
      {
        auto log = open_log(files);
        write_records(*log, 1, 9);
        must(log->release("reader", {{1}, {3}}));
        must(log->release("reader", {{4}, {6}}));
      }
      files.flip(cursor_path("reader"), slot + at);
      const auto log = open_log(files);
      const auto prefix = log->position("reader").prefix.value;
      REQUIRE((prefix == 3 || prefix == 6));
      REQUIRE(log->recovery().void_cursors == 0);
    }
  }
}

TEST_CASE("a segment goes only when both slots of every cursor have passed it") {
  for (const std::uint64_t slot : {0U, 4096U}) {
    MemoryFileSystem files;
    {
      auto log = open_log(files, ten_in_a_segment());
      write_records(*log, 1, 35);
      must(log->release("reader", range(1, 5)));
      must(log->release("reader", range(6, 30)));
      REQUIRE(log->stats().first == Sequence{31});
    }
    files.flip(cursor_path("reader"), slot + 100);
    auto log = open_log(files, ten_in_a_segment());
    REQUIRE(log->position("reader").prefix == Sequence{30});
    REQUIRE(log->recovery().damaged_records == 0);
  }
}

TEST_CASE("no sequence comes again when the newest slot of the cursor of an empty log is damaged") {
  for (const std::uint64_t slot : {0U, 4096U}) {
    MemoryFileSystem files;
    {
      auto log = open_log(files, ten_in_a_segment());
      write_records(*log, 1, 10);
      must(log->release("reader", range(1, 4)));
      must(log->release("reader", range(5, 10)));
      REQUIRE(log->stats().segments == 0);
    }
    files.flip(cursor_path("reader"), slot + 100);
    auto log = open_log(files, ten_in_a_segment());
    write_records(*log, 11, 11);
  }
}

TEST_CASE("a cursor with two damaged slots starts anew, before the first record there is") {
  MemoryFileSystem files;
  {
    auto log = open_log(files, ten_in_a_segment());
    write_records(*log, 1, 15);
    must(log->release("reader", {{1}, {12}}));
  }
  files.flip(cursor_path("reader"), 100);
  files.flip(cursor_path("reader"), 4196);
  const auto log = open_log(files, ten_in_a_segment());
  REQUIRE(log->recovery().void_cursors == 1);
  REQUIRE(log->position("reader").prefix.value == 10);
}

TEST_CASE("a file of a newer version or with an unknown feature is refused untouched") {
  MemoryFileSystem files;
  make_log(files, 25, ten_in_a_segment());
  files.put(kLogDirectory / "00000000000000000026.log.tmp", Bytes(10));
  SegmentHeader header{.log = open_log(files, ten_in_a_segment())->id(), .first = {11}};
  files.put(kLogDirectory / "00000000000000000026.log.tmp", Bytes(10));
  files.shrink(segment_path(21), 5);
  const bool version = GENERATE(true, false);
  (version ? header.version : header.features) = 2;
  auto segment = files.contents(segment_path(11));
  std::ranges::copy(encode_segment_header(header), segment.begin());
  files.put(segment_path(11), segment);
  const auto before = files.snapshot();
  const auto refused = Log::open(files, ten_in_a_segment({"another"}));
  REQUIRE(!refused);
  REQUIRE(refused.error() == errc::unknown_version);
  REQUIRE(files.snapshot() == before);
}

TEST_CASE("a second process is refused") {
  MemoryFileSystem files;
  const auto log = open_log(files);
  const auto second = Log::open(files, small_log());
  REQUIRE(!second);
  REQUIRE(second.error() == errc::log_locked);
}

TEST_CASE("a cursor that is not named any more is removed and holds nothing") {
  MemoryFileSystem files;
  auto options = ten_in_a_segment({"a", "b"});
  {
    auto log = open_log(files, options);
    write_records(*log, 1, 25);
    must(log->release("a", {{1}, {20}}));
    REQUIRE(log->stats().segments == 3);
  }
  options.cursors = {"a"};
  const auto log = open_log(files, options);
  REQUIRE(!files.exists(cursor_path("b")));
  REQUIRE(log->stats().segments == 1);
  REQUIRE(log->stats().first.value == 21);
}

TEST_CASE("a record that goes bad while the log is open is skipped and counted once") {
  MemoryFileSystem files;
  make_log(files, 25, ten_in_a_segment());
  const auto log = open_log(files, ten_in_a_segment());
  files.flip(segment_path(1), frame_offset(4) + kFrameHeaderSize);
  for (int read = 0; read < 2; ++read) {
    const auto records = read_all(*log);
    REQUIRE(records.entries.size() == 24);
    REQUIRE(records.missing[0] == range(4, 4));
    REQUIRE(log->stats().damaged_records == 1);
  }
  REQUIRE(files.exists(kLogDirectory / "damaged" /
                       (segment_name({1}) + "." + std::to_string(frame_offset(4)))));
}
