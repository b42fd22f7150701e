#include "shared/log/segment.h"

#include <algorithm>

#include "shared/log/replace_file.h"

namespace tributary {
namespace {

constexpr std::size_t kCopyChunkSize = 256U << 10;

}  // namespace

void Segment::add_to_index(Sequence sequence, std::uint64_t offset) {
  if (index.empty() || offset - index.back().offset >= kIndexStep)
    index.push_back({sequence, offset});
}

Segment::Place Segment::place_before(Sequence sequence) const {
  const auto after =
      std::ranges::upper_bound(index, sequence, std::ranges::less(), &Place::sequence);
  if (after == index.begin()) return {first, kSegmentHeaderSize};
  return *std::prev(after);
}

bool Segment::add_missing(SequenceRange range) {
  const auto at =
      std::ranges::lower_bound(missing, range.first, std::ranges::less(), &SequenceRange::last);
  if (at != missing.end() && at->first <= range.last) return false;
  missing.insert(at, range);
  return true;
}

std::uint64_t Segment::count_records(SequenceRange range) const {
  auto count = range.count();
  for (const auto& lost : missing) {
    const SequenceRange common{std::max(lost.first, range.first), std::min(lost.last, range.last)};
    if (common.first <= common.last) count -= common.count();
  }
  return count;
}

Result<std::shared_ptr<File>> make_segment_file(FileSystem& files,
                                                const std::filesystem::path& directory,
                                                const Id& log, Sequence first, ByteView frames) {
  return replace_file(files, directory / segment_name(first), [&](File& made) -> Result<void> {
    TRIBUTARY_TRY(made.write(0, encode_segment_header({.log = log, .first = first})));
    if (frames.empty()) return {};
    return made.write(kSegmentHeaderSize, frames);
  });
}

Result<std::shared_ptr<File>> copy_segment_file(FileSystem& files,
                                                const std::filesystem::path& directory,
                                                const Id& log, Sequence first, std::uint64_t end) {
  const auto path = directory / segment_name(first);
  TRIBUTARY_ASSIGN(const auto old, files.open(path, OpenMode::read));
  return replace_file(files, path, [&](File& made) -> Result<void> {
    TRIBUTARY_TRY(made.write(0, encode_segment_header({.log = log, .first = first})));
    Bytes chunk(static_cast<std::size_t>(std::min<std::uint64_t>(kCopyChunkSize, end)));
    for (std::uint64_t at = kSegmentHeaderSize; at < end;) {
      const auto piece = std::span(chunk).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), end - at)));
      TRIBUTARY_ASSIGN(const auto count, old->read(at, piece));
      if (count == 0) return fail(errc::corrupt, path.string() + " became shorter");
      TRIBUTARY_TRY(made.write(at, piece.first(count)));
      at += count;
    }
    return {};
  });
}

}  // namespace tributary
