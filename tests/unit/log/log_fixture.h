#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "shared/log/frame.h"
#include "shared/log/log.h"
#include "tests/support/memory_file_system.h"

namespace tributary::test {

inline const std::filesystem::path kLogDirectory = "/var/log";

inline LogOptions small_log(std::vector<std::string> cursors = {"reader"}) {
  LogOptions options;
  options.directory = kLogDirectory;
  options.size_max = 1U << 20;
  options.segment_size = 64U << 10;
  options.cursors = std::move(cursors);
  return options;
}

inline std::filesystem::path segment_path(std::uint64_t first) {
  return kLogDirectory / segment_name({first});
}
inline std::filesystem::path cursor_path(const std::string& name) {
  return kLogDirectory / (name + ".cursor");
}

// The payload of all records that tests append: it says which one it is.
inline std::string record_text(std::uint64_t number, std::size_t size = 40) {
  auto text = "record " + std::to_string(number) + " ";
  if (text.size() < size) text.append(size - text.size(), static_cast<char>('a' + number % 26));
  return text;
}

template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().message());
  return std::move(*result);
}
inline void must(const Result<void>& result) {
  if (!result) FAIL(result.error().message());
}

inline std::unique_ptr<Log> open_log(FileSystem& files, LogOptions options = small_log()) {
  return must(Log::open(files, std::move(options)));
}

// Appends and commits records first, …, last, which get these sequences.
inline void write_records(Log& log, std::uint64_t first, std::uint64_t last,
                          std::size_t size = 40) {
  for (auto number = first; number <= last; ++number) {
    REQUIRE(must(log.append(as_bytes(record_text(number, size)))).value == number);
  }
  REQUIRE(must(log.commit()).value == last);
}

inline std::vector<std::uint64_t> sequences(const Records& records) {
  std::vector<std::uint64_t> numbers;
  for (const auto& entry : records.entries) numbers.push_back(entry.sequence.value);
  return numbers;
}

// All records after `after`; each has the bytes that were appended.
inline Records read_all(const Log& log, std::uint64_t after = 0, std::size_t size = 40) {
  auto records = must(log.read({after}, {.records = 1'000'000, .bytes = 1U << 30}));
  for (const auto& [sequence, payload] : records.entries) {
    REQUIRE(as_text(payload) == record_text(sequence.value, size));
  }
  return records;
}

inline std::vector<std::uint64_t> numbers(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> all;
  for (auto number = first; number <= last; ++number) all.push_back(number);
  return all;
}

inline SequenceRange range(std::uint64_t first, std::uint64_t last) { return {{first}, {last}}; }

constexpr std::size_t kSmallFrame = kFrameHeaderSize + 40;  // of record_text(…, 40)

inline std::uint64_t frame_offset(std::uint64_t number) {
  return kSegmentHeaderSize + (number - 1) * kSmallFrame;
}

// A log of the records 1 … `count` of 40 bytes, closed.
inline void make_log(MemoryFileSystem& files, std::uint64_t count,
                     LogOptions options = small_log()) {
  auto log = open_log(files, std::move(options));
  write_records(*log, 1, count);
}

// Three segments: 1 … 10, 11 … 20, 21 … 25.
inline LogOptions ten_in_a_segment(std::vector<std::string> cursors = {"reader"}) {
  auto options = small_log(std::move(cursors));
  options.segment_size = kSegmentHeaderSize + 10 * kSmallFrame;
  return options;
}

}  // namespace tributary::test
