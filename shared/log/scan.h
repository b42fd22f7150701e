#pragma once

#include <cstdint>
#include <span>

#include "shared/base/bytes.h"
#include "shared/base/sequence.h"
#include "shared/io/file_system.h"
#include "shared/log/frame.h"

namespace tributary {

// Asks a disk that fails once more: what it refuses for good is lost, and should not be by mistake.
Result<std::size_t> read_patiently(const File& file, std::uint64_t offset,
                                   std::span<std::byte> into);

// One thing found in a segment.
struct Found {
  enum class Kind : std::uint8_t {
    record,       // `sequence`, `payload`
    bad_payload,  // the record `sequence` is lost: its header is right, its payload isn't
    damage,       // bytes that are no frame, with a frame after them
    tail,         // bytes that are no frame up to the end
    end,          // nothing more: the end, or a record that the next segment has
  };
  Kind kind = Kind::end;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  Sequence sequence;           // tail, end: the one that the next record would have had
  ByteView payload{};          // until the next call
  bool looks_written = false;  // tail: it starts with the damaged header of the record `sequence`
};

// Goes through the frames of a segment file from one place on, past whatever is damaged. Reads with
// a window of bounded size (and a frame's size at most). One thread.
//
// In a segment each frame's sequence is one more than the last one's. Only over damaged bytes may
// it be more, by as many frames as fit there at most: a frame inside a payload can't pass for ours.
class SegmentScan {
 public:
  struct Range {
    std::uint64_t begin = kSegmentHeaderSize;
    std::uint64_t end = 0;
    Sequence expected;  // of the frame at `begin`
    Sequence before{
        ~std::uint64_t{0}};  // first sequence of the next segment: what reaches it is void
  };
  enum class OnUnreadable : std::uint8_t { fail, take_as_zeros };

  // `file` and `format` outlive the scan.
  SegmentScan(const File& file, const FrameFormat& format, Range range,
              OnUnreadable on_unreadable = OnUnreadable::fail);

  Result<Found> next();

  // Bytes that the disk refused to give (OnUnreadable::take_as_zeros).
  [[nodiscard]] std::uint64_t unreadable_bytes() const { return unreadable_bytes_; }

 private:
  Result<const std::byte*> view(std::uint64_t offset, std::size_t size);
  Result<void> fill(std::uint64_t offset, std::size_t size);
  Result<std::optional<FrameHeader>> frame_at(std::uint64_t offset, std::uint64_t last_end);
  Result<std::optional<std::uint64_t>> find_frame(std::uint64_t from, std::uint64_t last_end);
  Result<Found> resynchronise();
  Result<Found> take(const FrameHeader& header);
  Result<bool> looks_written(std::uint64_t offset);

  const File& file_;
  const FrameFormat& format_;
  Range range_;
  OnUnreadable on_unreadable_;
  std::uint64_t at_;        // where the next frame should start
  std::uint64_t last_end_;  // of the last frame that was whole, or of the damage that was told
  Bytes window_;
  std::uint64_t window_at_ = 0;
  std::size_t window_size_ = 0;
  std::uint64_t unreadable_bytes_ = 0;
};

}  // namespace tributary
