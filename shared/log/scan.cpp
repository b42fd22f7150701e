#include "shared/log/scan.h"

#include <algorithm>
#include <cstring>

#include "shared/log/crc32c.h"

namespace tributary {
namespace {

constexpr std::size_t kWindowSize = 128U << 10;
constexpr std::size_t kUnreadableStep = 4096;

}  // namespace

Result<std::size_t> read_patiently(const File& file, std::uint64_t offset,
                                   std::span<std::byte> into) {
  const auto count = file.read(offset, into);
  return count ? count : file.read(offset, into);
}

SegmentScan::SegmentScan(const File& file, const FrameFormat& format, Range range,
                         OnUnreadable on_unreadable)
    : file_(file),
      format_(format),
      range_(range),
      on_unreadable_(on_unreadable),
      at_(range.begin),
      last_end_(range.begin) {}

Result<Found> SegmentScan::next() {
  const auto left = range_.end > at_ ? range_.end - at_ : 0;
  if (left == 0) return Found{.offset = at_, .sequence = range_.expected};
  TRIBUTARY_ASSIGN(const auto header, frame_at(at_, last_end_));
  if (!header) return resynchronise();
  if (header->sequence >= range_.before) {
    return Found{.offset = at_, .size = left, .sequence = range_.expected};
  }
  return take(*header);
}

Result<Found> SegmentScan::take(const FrameHeader& header) {
  TRIBUTARY_ASSIGN(const auto* frame, view(at_, header.frame_size()));
  const ByteView payload(frame + kFrameHeaderSize, header.length);
  const bool whole = crc32c(payload) == header.payload_crc;
  const Found found{.kind = whole ? Found::Kind::record : Found::Kind::bad_payload,
                    .offset = at_,
                    .size = header.frame_size(),
                    .sequence = header.sequence,
                    .payload = payload};
  at_ += header.frame_size();
  last_end_ = at_;
  range_.expected = header.sequence.next();
  return found;
}

// A frame that may stand at `offset` when the last whole one ended at `last_end`.
Result<std::optional<FrameHeader>> SegmentScan::frame_at(std::uint64_t offset,
                                                         std::uint64_t last_end) {
  if (range_.end - offset < kFrameHeaderSize) return std::nullopt;
  TRIBUTARY_ASSIGN(const auto* bytes, view(offset, kFrameHeaderSize));
  const auto header = format_.decode(bytes);
  if (!header || header->frame_size() > range_.end - offset) return std::nullopt;
  const auto lost_most = (offset - last_end) / kFrameSizeLeast;
  if (header->sequence < range_.expected ||
      header->sequence.value - range_.expected.value > lost_most) {
    return std::nullopt;
  }
  return header;
}

Result<Found> SegmentScan::resynchronise() {
  TRIBUTARY_ASSIGN(const auto place, find_frame(at_ + 1, last_end_));
  Found found{.kind = place ? Found::Kind::damage : Found::Kind::tail,
              .offset = at_,
              .size = place.value_or(range_.end) - at_,
              .sequence = range_.expected};
  if (!place) {
    TRIBUTARY_ASSIGN(found.looks_written, looks_written(at_));
  }
  at_ += found.size;
  return found;
}

Result<std::optional<std::uint64_t>> SegmentScan::find_frame(std::uint64_t from,
                                                             std::uint64_t last_end) {
  while (range_.end - from >= kFrameSizeLeast) {
    const auto window_end = window_at_ + window_size_;
    const bool in_window = from >= window_at_ && from + kFrameSizeLeast <= window_end;
    const auto size = static_cast<std::size_t>(
        in_window ? window_end - from : std::min<std::uint64_t>(kWindowSize, range_.end - from));
    TRIBUTARY_ASSIGN(const auto* bytes, view(from, size));
    const auto* hit = static_cast<const std::byte*>(
        std::memchr(bytes, std::to_integer<int>(kFrameMagic[0]), size));
    if (hit == nullptr) {
      from += size;
      continue;
    }
    from += static_cast<std::uint64_t>(hit - bytes);
    if (range_.end - from < kFrameSizeLeast) break;
    TRIBUTARY_ASSIGN(const auto header, frame_at(from, last_end));
    if (header) return from;
    ++from;
  }
  return std::nullopt;
}

// Whether a frame was once written whole at `offset`, whose header is damaged now. A write that was
// cut short leaves no two of: the magic, the expected sequence, a payload that fits its checksum.
Result<bool> SegmentScan::looks_written(std::uint64_t offset) {
  const auto left = range_.end - offset;
  if (left < kFrameSizeLeast) return false;
  TRIBUTARY_ASSIGN(const auto* bytes, view(offset, kFrameHeaderSize));
  if (format_.decode(bytes)) return false;  // whole, but the file ends before the payload does
  const bool magic = std::ranges::equal(ByteView(bytes, kFrameMagic.size()), kFrameMagic);
  const auto header = FrameFormat::decode_unchecked(bytes);
  const bool sequence = header.sequence == range_.expected;
  if (magic && sequence) return true;
  if (!magic && !sequence) return false;
  if (header.length == 0 || header.length > kPayloadSizeMax || header.frame_size() > left) {
    return false;
  }
  TRIBUTARY_ASSIGN(const auto* frame, view(offset, header.frame_size()));
  return crc32c({frame + kFrameHeaderSize, header.length}) == header.payload_crc;
}

// `size` bytes at `offset`, which are in the range, until the next call.
Result<const std::byte*> SegmentScan::view(std::uint64_t offset, std::size_t size) {
  if (offset < window_at_ || offset + size > window_at_ + window_size_) {
    const auto wanted = std::max(size, kWindowSize);
    TRIBUTARY_TRY(fill(
        offset, static_cast<std::size_t>(std::min<std::uint64_t>(wanted, range_.end - offset))));
  }
  return window_.data() + (offset - window_at_);
}

Result<void> SegmentScan::fill(std::uint64_t offset, std::size_t size) {
  if (window_.size() < size) window_.resize(size);
  window_at_ = offset;
  window_size_ = 0;
  const auto into = std::span(window_).first(size);
  auto count = file_.read(offset, into);
  if (!count && on_unreadable_ == OnUnreadable::fail) return std::unexpected(count.error());
  if (!count) {
    for (std::size_t done = 0; done < size; done += kUnreadableStep) {
      const auto piece = into.subspan(done, std::min(kUnreadableStep, size - done));
      if (file_.read(offset + done, piece)) continue;
      std::ranges::fill(piece, std::byte{0});
      unreadable_bytes_ += piece.size();
    }
    count = size;
  }
  // The file is shorter than it was when its end was asked for: the rest is no frame.
  std::ranges::fill(into.subspan(*count), std::byte{0});
  window_size_ = size;
  return {};
}

}  // namespace tributary
