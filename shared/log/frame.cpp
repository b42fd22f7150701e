#include "shared/log/frame.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "shared/log/crc32c.h"

namespace tributary {
namespace {

constexpr std::array<std::byte, 8> kSegmentMagic{std::byte{0xFE}, std::byte{'T'}, std::byte{'R'},
                                                 std::byte{'I'},  std::byte{'B'}, std::byte{'L'},
                                                 std::byte{'O'},  std::byte{'G'}};

constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kFeaturesAt = 12;
constexpr std::size_t kLogIdAt = 16;
constexpr std::size_t kFirstAt = 32;
constexpr std::size_t kHeaderCrcAt = 60;

constexpr std::size_t kFrameCrcAt = 4;
constexpr std::size_t kPayloadCrcAt = 8;
constexpr std::size_t kLengthAt = 12;
constexpr std::size_t kSequenceAt = 16;

constexpr std::size_t kNameDigits = 20;
constexpr std::string_view kNameEnd = ".log";

}  // namespace

std::array<std::byte, kSegmentHeaderSize> encode_segment_header(const SegmentHeader& header) {
  std::array<std::byte, kSegmentHeaderSize> bytes{};
  std::ranges::copy(kSegmentMagic, bytes.begin());
  store_le(bytes.data() + kVersionAt, header.version);
  store_le(bytes.data() + kFeaturesAt, header.features);
  std::ranges::copy(header.log.bytes, bytes.begin() + kLogIdAt);
  store_le(bytes.data() + kFirstAt, header.first.value);
  store_le(bytes.data() + kHeaderCrcAt, crc32c(ByteView(bytes).first(kHeaderCrcAt)));
  return bytes;
}

std::optional<SegmentHeader> decode_segment_header(ByteView bytes) {
  if (bytes.size() < kSegmentHeaderSize) return std::nullopt;
  if (!std::ranges::equal(bytes.first(kSegmentMagic.size()), kSegmentMagic)) return std::nullopt;
  const auto crc = load_le<std::uint32_t>(bytes.data() + kHeaderCrcAt);
  if (crc != crc32c(bytes.first(kHeaderCrcAt))) return std::nullopt;
  SegmentHeader header;
  header.version = load_le<std::uint32_t>(bytes.data() + kVersionAt);
  header.features = load_le<std::uint32_t>(bytes.data() + kFeaturesAt);
  std::ranges::copy(bytes.subspan(kLogIdAt, header.log.bytes.size()), header.log.bytes.begin());
  header.first.value = load_le<std::uint64_t>(bytes.data() + kFirstAt);
  return header;
}

std::optional<Id> guess_log_id(ByteView bytes) {
  Id id;
  if (bytes.size() < kLogIdAt + id.bytes.size()) return std::nullopt;
  std::ranges::copy(bytes.subspan(kLogIdAt, id.bytes.size()), id.bytes.begin());
  return id;
}

std::string segment_name(Sequence first) {
  const auto digits = std::to_string(first.value);
  return std::string(kNameDigits - digits.size(), '0').append(digits).append(kNameEnd);
}

std::optional<Sequence> parse_segment_name(std::string_view name) {
  if (name.size() != kNameDigits + kNameEnd.size() || !name.ends_with(kNameEnd))
    return std::nullopt;
  Sequence first;
  const auto* const digits = name.data();
  const auto [end, error] = std::from_chars(digits, digits + kNameDigits, first.value);
  if (error != std::errc() || end != digits + kNameDigits) return std::nullopt;
  return first;
}

FrameFormat::FrameFormat(const Id& log) : id_crc_(crc32c(log.bytes)) {}

void FrameFormat::encode(const FrameHeader& header, std::byte* to) const {
  std::ranges::copy(kFrameMagic, to);
  store_le(to + kPayloadCrcAt, header.payload_crc);
  store_le(to + kLengthAt, header.length);
  store_le(to + kSequenceAt, header.sequence.value);
  const ByteView covered(to + kPayloadCrcAt, kFrameHeaderSize - kPayloadCrcAt);
  store_le(to + kFrameCrcAt, crc32c(covered, id_crc_));
}

std::optional<FrameHeader> FrameFormat::decode(const std::byte* from) const {
  if (std::memcmp(from, kFrameMagic.data(), kFrameMagic.size()) != 0) return std::nullopt;
  const ByteView covered(from + kPayloadCrcAt, kFrameHeaderSize - kPayloadCrcAt);
  if (load_le<std::uint32_t>(from + kFrameCrcAt) != crc32c(covered, id_crc_)) return std::nullopt;
  const auto header = decode_unchecked(from);
  if (header.length == 0 || header.length > kPayloadSizeMax) return std::nullopt;
  return header;
}

FrameHeader FrameFormat::decode_unchecked(const std::byte* from) {
  return {load_le<std::uint32_t>(from + kPayloadCrcAt),
          load_le<std::uint32_t>(from + kLengthAt),
          {load_le<std::uint64_t>(from + kSequenceAt)}};
}

}  // namespace tributary
