// Opens a log on files of any bytes, appends to it, opens it again after a power cut. Only a file
// of a newer program may prevent opening; what is read once is read again.
//
// Input: a byte of options, then files: kind (1), size (2, little-endian), bytes. The kind's low
// bits choose the name; kFixed says that checksums are made right, so that what stands behind them
// is reached. A fixed cursor is given by the beginnings of its two slots. With kUnreadable the
// bytes begin with two that say which part of the file the disk doesn't give, in units of 16.

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <string>

#include "shared/base/check.h"
#include "shared/log/crc32c.h"
#include "shared/log/cursor_file.h"
#include "shared/log/frame.h"
#include "shared/log/log.h"
#include "shared/log/position.h"
#include "tests/support/memory_file_system.h"

using namespace tributary;
using namespace tributary::test;

namespace {

const std::filesystem::path kDirectory = "/log";
constexpr std::array<const char*, 8> kNames{"00000000000000000001.log",
                                            "00000000000000000005.log",
                                            "00000000000000000009.log",
                                            "00000000000000000100.log",
                                            "reader.cursor",
                                            "unused.cursor",
                                            "00000000000000000005.log.tmp",
                                            "notes.txt"};
constexpr unsigned kFixed = 0x80;
constexpr unsigned kUnreadable = 0x40;
constexpr unsigned kUnreadableUnit = 16;
constexpr unsigned kSmallSegments = 1;
constexpr unsigned kDropOldest = 2;
constexpr unsigned kSecondCursor = 4;

// Sequences that no log reaches (a million records a second for 500,000 years) are made small.
void limit_sequence(std::byte* at) {
  constexpr std::uint64_t kReachable = (std::uint64_t{1} << 62) - 1;
  store_le(at, load_le<std::uint64_t>(at) & kReachable);
}

void fix_frame(std::span<std::byte> frame, ByteView id) {
  limit_sequence(frame.data() + 16);
  const auto length = load_le<std::uint32_t>(frame.data() + 12);
  if (length <= frame.size() - kFrameHeaderSize) {
    store_le(frame.data() + 8, crc32c(frame.subspan(kFrameHeaderSize, length)));
  }
  store_le(frame.data() + 4, crc32c(frame.subspan(8, 16), crc32c(id)));
}

void fix_segment(Bytes& bytes) {
  if (bytes.size() < kSegmentHeaderSize) return;
  limit_sequence(bytes.data() + 32);
  store_le(bytes.data() + 60, crc32c(ByteView(bytes).first(60)));
  const auto id = ByteView(bytes).subspan(16, 16);
  for (std::size_t at = kSegmentHeaderSize; at + kFrameHeaderSize <= bytes.size(); ++at) {
    const auto frame = std::span(bytes).subspan(at);
    if (!std::ranges::equal(frame.first(kFrameMagic.size()), kFrameMagic)) continue;
    fix_frame(frame, id);
    const auto length = load_le<std::uint32_t>(frame.data() + 12);
    if (length <= frame.size() - kFrameHeaderSize) at += kFrameHeaderSize - 1 + length;
  }
}

Bytes fixed_cursor(ByteView beginnings) {
  Bytes bytes(2 * kCursorSlotSize);
  const auto half = beginnings.size() / 2;
  for (std::size_t slot = 0; slot < 2; ++slot) {
    const auto beginning = beginnings.subspan(slot * half, half);
    const auto to = std::span(bytes).subspan(slot * kCursorSlotSize, kCursorSlotSize);
    std::copy_n(beginning.begin(), std::min(beginning.size(), to.size() - 4), to.begin());
    limit_sequence(to.data() + 40);
    for (std::size_t range = 0; range < 2 * kCursorRangesMax; ++range) {
      limit_sequence(to.data() + 64 + 8 * range);
    }
    store_le(to.data() + kCursorSlotSize - 4, crc32c(to.first(kCursorSlotSize - 4)));
  }
  return bytes;
}

void put_files(MemoryFileSystem& files, ByteView input) {
  CHECK(files.make_directories(kDirectory));
  CHECK(files.sync_directory("/"));
  while (input.size() >= 3) {
    const auto kind = std::to_integer<unsigned>(input[0]);
    const auto size =
        std::min<std::size_t>(load_le<std::uint16_t>(input.data() + 1), input.size() - 3);
    auto given = input.subspan(3, size);
    ByteView unreadable;
    if ((kind & kUnreadable) != 0 && given.size() >= 2) {
      unreadable = given.first(2);
      given = given.subspan(2);
    }
    const std::string name = kNames[kind % kNames.size()];
    Bytes bytes(given.begin(), given.end());
    if ((kind & kFixed) != 0 && name.ends_with(".log")) fix_segment(bytes);
    if ((kind & kFixed) != 0 && name.ends_with(".cursor")) bytes = fixed_cursor(given);
    files.put(kDirectory / name, std::move(bytes));
    if (!unreadable.empty()) {
      const auto begin = kUnreadableUnit * std::to_integer<unsigned>(unreadable[0]);
      const auto count = 1 + std::to_integer<unsigned>(unreadable[1]);
      files.make_unreadable(kDirectory / name, begin, begin + kUnreadableUnit * count);
    }
    input = input.subspan(3 + size);
  }
}

LogOptions options_of(unsigned flags) {
  LogOptions options;
  options.directory = kDirectory;
  options.size_max = 1U << 20;
  options.segment_size = (flags & kSmallSegments) != 0 ? 256 : 64U << 10;
  options.when_full = (flags & kDropOldest) != 0 ? WhenFull::drop_oldest : WhenFull::refuse;
  options.cursors = {"reader"};
  if ((flags & kSecondCursor) != 0) options.cursors.emplace_back("second");
  return options;
}

using Contents = std::map<std::uint64_t, std::string>;

// Everything readable; in order, and none of it told as missing.
Contents read_all(const Log& log) {
  Contents contents;
  Sequence after;
  for (;;) {
    const auto records = log.read(after, {.records = 7, .bytes = 1000});
    CHECK(records);
    auto last = after;
    for (const auto& range : records->missing) CHECK(range.first <= range.last);
    for (const auto& [sequence, payload] : records->entries) {
      CHECK(sequence > last && sequence <= log.stats().committed);
      for (const auto& range : records->missing) CHECK(!range.contains(sequence));
      contents[sequence.value] = as_text(payload);
      last = sequence;
    }
    if (last == after) return contents;
    after = last;
  }
}

// Appends and commits; the sequence is greater than everything the log knows.
void append(Log& log, Contents& contents, const std::string& text) {
  const auto committed = log.stats().committed;
  const auto sequence = log.append(as_bytes(text));
  CHECK(sequence && *sequence == committed.next());
  CHECK(*sequence > last_released(log.position("reader")));
  CHECK(contents.empty() || sequence->value > contents.rbegin()->first);
  CHECK(log.commit() == *sequence);
  contents[sequence->value] = text;
}

// The log has what it had; what every cursor has passed may be gone.
void check_same(const Log& log, const LogOptions& options, const Contents& expected) {
  Sequence passed{~std::uint64_t{0}};
  for (const auto& cursor : options.cursors) passed = std::min(passed, log.position(cursor).prefix);
  const auto contents = read_all(log);
  for (const auto& [sequence, text] : contents) {
    const auto found = expected.find(sequence);
    CHECK(found != expected.end() && found->second == text);
  }
  for (const auto& [sequence, text] : expected) {
    CHECK(sequence <= passed.value || contents.contains(sequence));
  }
}

std::unique_ptr<Log> reopen(MemoryFileSystem& files, const LogOptions& options,
                            std::unique_ptr<Log> log) {
  std::mt19937_64 random(0);
  const auto id = log->id();
  const auto next = log->stats().appended.next();
  const auto position = log->position("reader");
  log.reset();
  files.restart(Crash::drop, random);
  auto opened = Log::open(files, options);
  CHECK(opened);
  CHECK((*opened)->id() == id);
  CHECK((*opened)->stats().appended.next() == next);
  CHECK((*opened)->position("reader").prefix == position.prefix);
  CHECK((*opened)->position("reader").ranges == position.ranges);
  CHECK((*opened)->recovery().torn_bytes == 0);
  CHECK((*opened)->recovery().void_cursors == 0);
  return std::move(*opened);
}

// What is refused is left as it was; the lock's file alone is new.
void check_refused(const MemoryFileSystem& files, std::map<std::string, Bytes> before,
                   const Error& error) {
  CHECK(error == errc::unknown_version);
  before[(kDirectory / "LOCK").string()] = {};
  CHECK(files.snapshot() == before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  MemoryFileSystem files;
  put_files(files, std::as_bytes(std::span(data, size)).subspan(1));
  const auto options = options_of(data[0]);
  const auto before = files.snapshot();
  auto opened = Log::open(files, options);
  if (!opened) {
    check_refused(files, before, opened.error());
    return 0;
  }
  auto log = std::move(*opened);
  auto contents = read_all(*log);
  log = reopen(files, options, std::move(log));
  check_same(*log, options, contents);
  append(*log, contents, "first");
  append(*log, contents, "second");
  log = reopen(files, options, std::move(log));
  check_same(*log, options, contents);

  const auto middle = std::next(contents.begin(), static_cast<std::ptrdiff_t>(contents.size() / 2));
  const Sequence released{middle->first};
  CHECK(log->release("reader", {{1}, released}));
  CHECK(log->position("reader").prefix >= released);
  log = reopen(files, options, std::move(log));
  check_same(*log, options, contents);
  append(*log, contents, "third");
  return 0;
}
