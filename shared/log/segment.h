#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/result.h"
#include "shared/base/sequence.h"
#include "shared/io/file_system.h"
#include "shared/log/frame.h"

namespace tributary {

// What a log knows of one of its segments. Guarded by the log's mutex once the log is open.
struct Segment {
  struct Place {
    Sequence sequence;
    std::uint64_t offset = 0;
  };
  static constexpr std::uint64_t kIndexStep = 64U << 10;

  Sequence first;
  Sequence last;                            // committed; first - 1 when there is none
  std::uint64_t end = kSegmentHeaderSize;   // of the committed frames
  std::uint64_t size = kSegmentHeaderSize;  // on the disk
  std::vector<Place> index;                 // of a frame in each kIndexStep bytes, ascending
  std::vector<SequenceRange> missing;       // known to be damaged, ascending
  std::shared_ptr<File> file;               // while records are added to it
  bool unreadable = false;  // the disk refused parts of it at open(): they are damage from then on

  explicit Segment(Sequence first_sequence)
      : first(first_sequence), last{first_sequence.value - 1} {}

  // The next frame, in order.
  void add_to_index(Sequence sequence, std::uint64_t offset);
  // From where to look for `sequence`.
  [[nodiscard]] Place place_before(Sequence sequence) const;
  // False when it was known already.
  bool add_missing(SequenceRange range);
  // How many records of `range`, which is the segment's, there are.
  [[nodiscard]] std::uint64_t count_records(SequenceRange range) const;
  [[nodiscard]] std::string name() const { return segment_name(first); }
};

// Makes the segment's file with its header and then `frames`, durable on return, in place of a file
// of its name that an earlier failure may have left.
Result<std::shared_ptr<File>> make_segment_file(FileSystem& files,
                                                const std::filesystem::path& directory,
                                                const Id& log, Sequence first, ByteView frames);

// Replaces the segment's file by a copy of its first `end` bytes under a new header, durable on
// return.
Result<std::shared_ptr<File>> copy_segment_file(FileSystem& files,
                                                const std::filesystem::path& directory,
                                                const Id& log, Sequence first, std::uint64_t end);

}  // namespace tributary
