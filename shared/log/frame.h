#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/bytes.h"
#include "shared/base/id.h"
#include "shared/base/result.h"
#include "shared/base/sequence.h"

namespace tributary {

// The bytes of segments: FORMAT.md has the layout.

inline constexpr std::uint32_t kLogVersion = 1;  // of segments and of cursors
inline constexpr std::uint32_t kKnownFeatures = 0;

inline constexpr std::size_t kSegmentHeaderSize = 64;
inline constexpr std::size_t kFrameHeaderSize = 24;
inline constexpr std::size_t kFrameSizeLeast = kFrameHeaderSize + 1;
// What a reader takes; more than append() allows, so that its limit may be raised without a new
// version.
inline constexpr std::size_t kPayloadSizeMax = 16U << 20;
inline constexpr std::array<std::byte, 4> kFrameMagic{std::byte{0xFE}, std::byte{'R'},
                                                      std::byte{'E'}, std::byte{'C'}};

struct SegmentHeader {
  std::uint32_t version = kLogVersion;
  std::uint32_t features = 0;
  Id log;
  Sequence first;

  [[nodiscard]] bool understood() const {
    return version == kLogVersion && (features & ~kKnownFeatures) == 0;
  }
};

std::array<std::byte, kSegmentHeaderSize> encode_segment_header(const SegmentHeader& header);
// Nothing for bytes that are no whole header of any version. `bytes` may be of any size.
std::optional<SegmentHeader> decode_segment_header(ByteView bytes);
// The place of the log id in a header that failed its checksum: a guess, until a frame confirms it.
std::optional<Id> guess_log_id(ByteView bytes);

// "00000000000000000001.log"
std::string segment_name(Sequence first);
// The first sequence of a segment of that name; nothing for any other name.
std::optional<Sequence> parse_segment_name(std::string_view name);

struct FrameHeader {
  std::uint32_t payload_crc = 0;
  std::uint32_t length = 0;  // of the payload
  Sequence sequence;

  [[nodiscard]] std::size_t frame_size() const { return kFrameHeaderSize + length; }
};

// Frames of one log: their checksum starts with the log's id, so that no other log's frame passes.
class FrameFormat {
 public:
  explicit FrameFormat(const Id& log);

  // `to` has room for kFrameHeaderSize bytes.
  void encode(const FrameHeader& header, std::byte* to) const;
  // Nothing unless magic, checksum and length are right. `from` holds kFrameHeaderSize bytes.
  std::optional<FrameHeader> decode(const std::byte* from) const;
  // The fields as they stand, whatever the checksum says.
  static FrameHeader decode_unchecked(const std::byte* from);

 private:
  std::uint32_t id_crc_;
};

}  // namespace tributary
