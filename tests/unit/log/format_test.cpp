// The bytes of FORMAT.md.

#include <catch2/catch.hpp>

#include "shared/log/crc32c.h"
#include "shared/log/cursor_file.h"
#include "shared/log/envelope.h"
#include "tests/unit/log/log_fixture.h"

using namespace tributary;
using namespace tributary::test;

namespace {

const Id kExampleId = *Id::parse("000102030405060708090a0b0c0d0e0f");

// The worked example of FORMAT.md.
constexpr std::string_view kExample =
    "fe 54 52 49 42 4c 4f 47 01 00 00 00 00 00 00 00 "
    "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f "
    "01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "00 00 00 00 00 00 00 00 00 00 00 00 56 33 9c 7d "
    "fe 52 45 43 ce a4 f1 33 75 2e 35 45 11 00 00 00 "
    "01 00 00 00 00 00 00 00 01 00 04 00 00 00 04 01 "
    "00 74 7b 22 61 22 3a 31 7d";

Bytes from_hex(std::string_view text) {
  Bytes bytes;
  std::string digits;
  for (const char c : text) {
    if (c != ' ') digits.push_back(c);
    if (digits.size() < 2) continue;
    bytes.push_back(static_cast<std::byte>(std::stoi(digits, nullptr, 16)));
    digits.clear();
  }
  return bytes;
}

std::string to_hex(ByteView bytes) {
  std::string text;
  for (const auto byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text.push_back(kDigits[std::to_integer<unsigned>(byte) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(byte) & 15]);
  }
  return text;
}

Bytes example_record() {
  Bytes record;
  encode({.pipeline = "t", .event = "{\"a\":1}"}, record);
  return record;
}

}  // namespace

TEST_CASE("the segment of FORMAT.md is written byte for byte") {
  const auto record = example_record();
  const auto header = encode_segment_header({.log = kExampleId, .first = {1}});
  Bytes bytes(header.begin(), header.end());
  bytes.resize(kSegmentHeaderSize + kFrameHeaderSize);
  FrameFormat(kExampleId)
      .encode({crc32c(record), static_cast<std::uint32_t>(record.size()), {1}},
              bytes.data() + kSegmentHeaderSize);
  bytes.insert(bytes.end(), record.begin(), record.end());
  REQUIRE(to_hex(bytes) == to_hex(from_hex(kExample)));
}

TEST_CASE("the segment of FORMAT.md is read, and the log goes on in it") {
  MemoryFileSystem files;
  files.put("/var/log", {});
  files.erase("/var/log");
  must(files.make_directories(kLogDirectory));
  files.put(segment_path(1), from_hex(kExample));
  const auto log = open_log(files);
  REQUIRE(log->id() == kExampleId);
  const auto records = must(log->read({0}, {}));
  REQUIRE(sequences(records) == numbers(1, 1));
  const auto envelope = must(decode_envelope(records.entries[0].payload));
  REQUIRE(envelope.pipeline == "t");
  REQUIRE(envelope.event == "{\"a\":1}");
  must(log->append(example_record()));
  must(log->commit());
  const auto bytes = files.contents(segment_path(1));
  REQUIRE(to_hex(bytes).starts_with(to_hex(from_hex(kExample))));
  REQUIRE(bytes.size() == kSegmentHeaderSize + 2 * (kFrameHeaderSize + example_record().size()));
}

TEST_CASE("a frame passes only with its own log's id and unchanged") {
  const FrameFormat format(kExampleId);
  std::array<std::byte, kFrameHeaderSize> bytes{};
  format.encode({.payload_crc = 1, .length = 2, .sequence = {3}}, bytes.data());
  const auto header = format.decode(bytes.data());
  REQUIRE(header);
  REQUIRE(header->payload_crc == 1);
  REQUIRE(header->length == 2);
  REQUIRE(header->sequence.value == 3);
  REQUIRE(!FrameFormat(Id{}).decode(bytes.data()));
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    REQUIRE(!format.decode(bytes.data()));
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
  }
  format.encode({.length = 0, .sequence = {3}}, bytes.data());
  REQUIRE(!format.decode(bytes.data()));
  format.encode({.length = kPayloadSizeMax + 1, .sequence = {3}}, bytes.data());
  REQUIRE(!format.decode(bytes.data()));
}

TEST_CASE("segment names hold all sequences, and other names are none") {
  REQUIRE(segment_name({1}) == "00000000000000000001.log");
  REQUIRE(segment_name({~std::uint64_t{0}}) == "18446744073709551615.log");
  REQUIRE(parse_segment_name("18446744073709551615.log")->value == ~std::uint64_t{0});
  for (const auto* name : {"1.log", "18446744073709551616.log", "0000000000000000000a.log",
                           "00000000000000000001.lag", "LOCK", "-0000000000000000001.log"}) {
    REQUIRE(!parse_segment_name(name));
  }
}

TEST_CASE("a cursor slot comes back as it was; any damage is seen") {
  CursorSlot slot{kExampleId,
                  7,
                  {.prefix = {5},
                   .ranges = {range(7, 9), range(11, 11)},
                   .data = Bytes(1024, std::byte{3}),
                   .dropped = 4}};
  while (slot.position.ranges.size() < kCursorRangesMax) {
    const auto next = slot.position.ranges.back().last.value + 2;
    slot.position.ranges.push_back(range(next, next));
  }
  auto bytes = encode_cursor_slot(slot);
  REQUIRE(bytes.size() == kCursorSlotSize);
  const auto decoded = must(decode_cursor_slot(bytes));
  REQUIRE(decoded.log == kExampleId);
  REQUIRE(decoded.generation == 7);
  REQUIRE(decoded.position.prefix.value == 5);
  REQUIRE(decoded.position.ranges == slot.position.ranges);
  REQUIRE(decoded.position.data == slot.position.data);
  REQUIRE(decoded.position.dropped == 4);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] ^= std::byte{1};
    REQUIRE(decode_cursor_slot(bytes).error() == errc::corrupt);
    bytes[at] ^= std::byte{1};
  }
  REQUIRE(decode_cursor_slot(ByteView(bytes).first(4095)).error() == errc::corrupt);
  store_le(bytes.data() + 8, std::uint32_t{2});
  store_le(bytes.data() + 4092, crc32c(ByteView(bytes).first(4092)));
  REQUIRE(decode_cursor_slot(bytes).error() == errc::unknown_version);
}
