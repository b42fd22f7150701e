// Damages each bit of a small log's files, cuts each file at each byte, takes each away: the log
// opens, loses what FORMAT.md says it may, tells so, and goes on.

#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>

#include "shared/log/crc32c.h"
#include "shared/log/cursor_file.h"
#include "tests/unit/log/log_fixture.h"

using namespace tributary;
using namespace tributary::test;

namespace {

constexpr std::uint64_t kInSegment = 4;
constexpr std::uint64_t kRecords = 11;  // segments 1 … 4, 5 … 8, 9 … 11
constexpr std::array<std::uint64_t, 3> kSegments{1, 5, 9};
// Released by the cursor; not the first one, so that no segment goes.
constexpr SequenceRange kOlder{{2}, {2}};
constexpr SequenceRange kNewer{{2}, {3}};

LogOptions options() {
  auto options = small_log();
  options.segment_size = kSegmentHeaderSize + kInSegment * kSmallFrame;
  return options;
}

const MemoryFileSystem& whole() {
  static const auto files = [] {
    auto made = std::make_unique<MemoryFileSystem>();
    auto log = open_log(*made, options());
    write_records(*log, 1, kRecords);
    must(log->release("reader", kOlder, as_bytes("older")));
    must(log->release("reader", kNewer, as_bytes("newer")));
    return made;
  }();
  return *files;
}

std::uint64_t last_of(std::uint64_t segment) {
  return std::min(segment + kInSegment - 1, kRecords);
}

std::vector<std::uint64_t> without(std::uint64_t first, std::uint64_t last) {
  auto all = numbers(1, kRecords);
  std::erase_if(all, [&](auto number) { return number >= first && number <= last; });
  return all;
}

Bytes part(const Bytes& bytes, std::uint64_t offset, std::uint64_t size) {
  const auto view = ByteView(bytes).subspan(offset, size);
  return {view.begin(), view.end()};
}

std::filesystem::path kept_path(std::uint64_t segment, std::uint64_t offset) {
  return kLogDirectory / "damaged" / (segment_name({segment}) + "." + std::to_string(offset));
}

struct Expected {
  std::vector<std::uint64_t> records;
  std::uint64_t damaged = 0;
  std::uint64_t torn_bytes = 0;
  std::uint64_t void_cursors = 0;
  std::uint64_t next_least = kRecords + 1;
};

// Opens the log twice, and then once more behind a new record.
void check(MemoryFileSystem& files, const Expected& expected) {
  for (int start = 0; start < 2; ++start) {
    const auto log = open_log(files, options());
    const auto& found = log->recovery();
    REQUIRE(sequences(read_all(*log)) == expected.records);
    if (start == 0 || expected.torn_bytes == 0) REQUIRE(found.damaged_records == expected.damaged);
    REQUIRE(found.torn_bytes == (start == 0 ? expected.torn_bytes : 0));
    REQUIRE(found.void_cursors == (start == 0 ? expected.void_cursors : 0));
    REQUIRE(found.foreign_files == 0);
  }
  auto log = open_log(files, options());
  const auto next = must(log->append(as_bytes("next")));
  REQUIRE(next.value >= expected.next_least);
  must(log->commit());
  log.reset();
  log = open_log(files, options());
  auto records = expected.records;
  records.push_back(next.value);
  REQUIRE(sequences(must(log->read({0}, {}))) == records);
}

}  // namespace

TEST_CASE("a flipped bit of a segment costs the record it hit, which is counted and kept aside") {
  std::uint64_t bits = 0;
  for (const auto segment : kSegments) {
    const auto size = whole().contents(segment_path(segment)).size();
    for (std::uint64_t bit = 0; bit < 8 * size; ++bit, ++bits) {
      CAPTURE(segment, bit / 8, bit % 8);
      const auto files = whole().clone();
      files->flip(segment_path(segment), bit / 8, 1U << bit % 8);
      const auto damaged = files->contents(segment_path(segment));
      const bool header = bit / 8 < kSegmentHeaderSize;
      const auto index = header ? 0 : (bit / 8 - kSegmentHeaderSize) / kSmallFrame;
      const auto lost = segment + index;
      // A header has copies of all it says elsewhere.
      check(*files,
            {.records = header ? without(0, 0) : without(lost, lost), .damaged = header ? 0U : 1U});
      const auto offset = header ? 0 : frame_offset(index + 1);
      REQUIRE(files->contents(kept_path(segment, offset)) ==
              part(damaged, offset, header ? kSegmentHeaderSize : kSmallFrame));
    }
  }
  std::cout << bits << " bits of segments\n";
}

TEST_CASE("a flipped bit of a cursor costs one release at most") {
  const auto size = whole().contents(cursor_path("reader")).size();
  REQUIRE(size == 2 * kCursorSlotSize);
  std::array<std::uint64_t, 2> older{};  // how often, by slot
  for (std::uint64_t bit = 0; bit < 8 * size; ++bit) {
    CAPTURE(bit / 8, bit % 8);
    const auto files = whole().clone();
    files->flip(cursor_path("reader"), bit / 8, 1U << bit % 8);
    const auto log = open_log(*files, options());
    const auto position = log->position("reader");
    const bool is_older = position.ranges == std::vector{kOlder};
    REQUIRE((is_older || position.ranges == std::vector{kNewer}));
    REQUIRE(position.prefix.value == 0);
    REQUIRE(as_text(position.data) == (is_older ? "older" : "newer"));
    REQUIRE(log->recovery().void_cursors == 0);
    REQUIRE(sequences(read_all(*log)) == numbers(1, kRecords));
    if (is_older) ++older[bit / 8 / kCursorSlotSize];
  }
  // All of one slot's bits count, and none of the other's.
  REQUIRE(std::ranges::min(older) == 0);
  REQUIRE(std::ranges::max(older) == 8 * kCursorSlotSize);
}

TEST_CASE("a segment that was cut short keeps the records that are whole") {
  for (const auto segment : kSegments) {
    const auto size = whole().contents(segment_path(segment)).size();
    const bool is_last = segment == kSegments.back();
    for (std::uint64_t left = 0; left < size; ++left) {
      CAPTURE(segment, left);
      const auto files = whole().clone();
      files->shrink(segment_path(segment), size - left);
      const auto whole_ones =
          left < kSegmentHeaderSize ? 0 : (left - kSegmentHeaderSize) / kSmallFrame;
      const auto lost = segment + whole_ones;
      Expected expected{.records = without(lost, last_of(segment))};
      if (!is_last) {
        expected.damaged = last_of(segment) - lost + 1;
      } else if (left < kSegmentHeaderSize) {
        expected.damaged = 1;  // what its name tells of
        expected.next_least = segment + 1;
      } else {
        expected.torn_bytes = left - frame_offset(whole_ones + 1);
        expected.next_least = lost;
      }
      check(*files, expected);
    }
  }
}

TEST_CASE("a cursor that was cut short stands at the other slot, or starts anew") {
  const auto size = whole().contents(cursor_path("reader")).size();
  for (std::uint64_t left = 0; left < size; ++left) {
    CAPTURE(left);
    const auto files = whole().clone();
    files->shrink(cursor_path("reader"), size - left);
    const auto log = open_log(*files, options());
    const bool is_void = left < kCursorSlotSize;
    const auto ranges = log->position("reader").ranges;
    REQUIRE(log->recovery().void_cursors == (is_void ? 1U : 0U));
    REQUIRE((ranges == std::vector{kOlder} || ranges == std::vector{kNewer} || is_void));
    REQUIRE(ranges.empty() == is_void);
    REQUIRE(sequences(read_all(*log)) == numbers(1, kRecords));
  }
}

TEST_CASE(
    "a segment that is gone costs its records, which are counted while anything tells of them") {
  for (const auto segment : kSegments) {
    CAPTURE(segment);
    const auto files = whole().clone();
    files->erase(segment_path(segment));
    const bool is_last = segment == kSegments.back();
    check(*files, {.records = without(segment, last_of(segment)),
                   .damaged = is_last ? 0 : kInSegment,
                   .next_least = is_last ? segment : kRecords + 1});
  }
}

TEST_CASE("a cursor or a lock's file that is gone is made anew") {
  for (const auto& path : {cursor_path("reader"), kLogDirectory / "LOCK"}) {
    const auto files = whole().clone();
    files->erase(path);
    check(*files, {.records = numbers(1, kRecords)});
    REQUIRE(files->exists(path));
  }
}

TEST_CASE("a cursor of a newer version or with an unknown feature is refused untouched") {
  for (const std::uint64_t slot : {0U, 1U}) {
    for (const std::uint64_t field : {8U, 12U}) {
      CAPTURE(slot, field);
      const auto files = whole().clone();
      auto bytes = files->contents(cursor_path("reader"));
      const auto at = std::span(bytes).subspan(slot * kCursorSlotSize, kCursorSlotSize);
      at[field] = std::byte{2};
      store_le(at.data() + kCursorSlotSize - 4, crc32c(at.first(kCursorSlotSize - 4)));
      files->put(cursor_path("reader"), bytes);
      files->flip(segment_path(9), 100);  // other damage doesn't change it
      const auto before = files->snapshot();
      for (const auto* const reader : {"reader", "another"}) {
        auto other = options();
        other.cursors = {reader};
        const auto refused = Log::open(*files, other);
        REQUIRE(!refused);
        REQUIRE(refused.error() == errc::unknown_version);
        REQUIRE(files->snapshot() == before);
      }
    }
  }
}
