#include "shared/log/cursor_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include "shared/base/check.h"
#include "shared/log/crc32c.h"
#include "shared/log/frame.h"
#include "shared/log/position.h"
#include "shared/log/replace_file.h"
#include "shared/log/scan.h"

namespace tributary {
namespace {

constexpr std::array<std::byte, 8> kCursorMagic{std::byte{0xFE}, std::byte{'T'}, std::byte{'R'},
                                                std::byte{'I'},  std::byte{'B'}, std::byte{'C'},
                                                std::byte{'U'},  std::byte{'R'}};

constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kFeaturesAt = 12;
constexpr std::size_t kLogIdAt = 16;
constexpr std::size_t kGenerationAt = 32;
constexpr std::size_t kPrefixAt = 40;
constexpr std::size_t kDroppedAt = 48;
constexpr std::size_t kRangeCountAt = 56;
constexpr std::size_t kDataSizeAt = 60;
constexpr std::size_t kRangesAt = 64;
constexpr std::size_t kRangeSize = 16;
constexpr std::size_t kCrcAt = kCursorSlotSize - 4;
static_assert(kRangesAt + kCursorRangesMax * kRangeSize + kCursorDataSizeMax <= kCrcAt);

constexpr std::size_t kCursorNameSizeMax = 63;

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(errc::corrupt, "cursor slot: " + std::string(what));
}

std::uint64_t slot_offset(std::uint64_t generation) { return generation % 2 * kCursorSlotSize; }

}  // namespace

bool is_cursor_name(std::string_view name) {
  return !name.empty() && name.size() <= kCursorNameSizeMax &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

Bytes encode_cursor_slot(const CursorSlot& slot) {
  const auto& [prefix, ranges, data, dropped] = slot.position;
  CHECK(ranges.size() <= kCursorRangesMax && data.size() <= kCursorDataSizeMax);
  Bytes bytes(kCursorSlotSize);
  std::ranges::copy(kCursorMagic, bytes.begin());
  store_le(bytes.data() + kVersionAt, kLogVersion);
  std::ranges::copy(slot.log.bytes, bytes.begin() + kLogIdAt);
  store_le(bytes.data() + kGenerationAt, slot.generation);
  store_le(bytes.data() + kPrefixAt, prefix.value);
  store_le(bytes.data() + kDroppedAt, dropped);
  store_le(bytes.data() + kRangeCountAt, static_cast<std::uint32_t>(ranges.size()));
  store_le(bytes.data() + kDataSizeAt, static_cast<std::uint32_t>(data.size()));
  auto* at = bytes.data() + kRangesAt;
  for (const auto& range : ranges) {
    store_le(at, range.first.value);
    store_le(at + 8, range.last.value);
    at += kRangeSize;
  }
  std::ranges::copy(data, at);
  store_le(bytes.data() + kCrcAt, crc32c(ByteView(bytes).first(kCrcAt)));
  return bytes;
}

Result<CursorSlot> decode_cursor_slot(ByteView bytes) {
  if (bytes.size() < kCursorSlotSize) return corrupt("cut short");
  const auto* const from = bytes.data();
  if (!std::ranges::equal(bytes.first(kCursorMagic.size()), kCursorMagic)) return corrupt("magic");
  if (load_le<std::uint32_t>(from + kCrcAt) != crc32c(bytes.first(kCrcAt)))
    return corrupt("checksum");
  const auto version = load_le<std::uint32_t>(from + kVersionAt);
  const auto features = load_le<std::uint32_t>(from + kFeaturesAt);
  if (version != kLogVersion || (features & ~kKnownFeatures) != 0) {
    return fail(errc::unknown_version, "cursor of version " + std::to_string(version) +
                                           ", features " + std::to_string(features));
  }
  CursorSlot slot;
  std::ranges::copy(bytes.subspan(kLogIdAt, slot.log.bytes.size()), slot.log.bytes.begin());
  slot.generation = load_le<std::uint64_t>(from + kGenerationAt);
  slot.position.prefix.value = load_le<std::uint64_t>(from + kPrefixAt);
  slot.position.dropped = load_le<std::uint64_t>(from + kDroppedAt);
  const auto range_count = load_le<std::uint32_t>(from + kRangeCountAt);
  const auto data_size = load_le<std::uint32_t>(from + kDataSizeAt);
  if (range_count > kCursorRangesMax || data_size > kCursorDataSizeMax) return corrupt("sizes");
  for (std::size_t i = 0; i < range_count; ++i) {
    const auto* at = from + kRangesAt + i * kRangeSize;
    const SequenceRange range{{load_le<std::uint64_t>(at)}, {load_le<std::uint64_t>(at + 8)}};
    if (range.first <= last_released(slot.position).next() || range.last < range.first) {
      return corrupt("ranges");
    }
    slot.position.ranges.push_back(range);
  }
  const auto data = bytes.subspan(kRangesAt + range_count * kRangeSize, data_size);
  slot.position.data.assign(data.begin(), data.end());
  return slot;
}

Result<std::vector<CursorSlot>> read_cursor_file(FileSystem& files,
                                                 const std::filesystem::path& path) {
  TRIBUTARY_ASSIGN(const auto file, files.open(path, OpenMode::read));
  std::vector<CursorSlot> slots;
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{kCursorSlotSize}}) {
    Bytes bytes(kCursorSlotSize);
    const auto count = read_patiently(*file, offset, bytes);
    if (!count) continue;  // a sector that can't be read is a damaged slot
    auto slot = decode_cursor_slot(ByteView(bytes).first(*count));
    if (slot) {
      slots.push_back(std::move(*slot));
    } else if (slot.error() == errc::unknown_version) {
      return std::unexpected(slot.error().within(path.string()));
    }
  }
  std::ranges::sort(slots, std::ranges::greater(), &CursorSlot::generation);
  if (slots.size() == 2 && slots[0].log == slots[1].log) slots.pop_back();
  return slots;
}

CursorFile::CursorFile(FileSystem& files, std::filesystem::path path, const Id& log,
                       std::uint64_t generation)
    : files_(files), path_(std::move(path)), log_(log), generation_(generation) {}

Result<void> CursorFile::save(const Position& position) {
  CursorSlot slot{log_, ++generation_, position};
  if (!file_) return make_anew(slot);
  const auto bytes = encode_cursor_slot(slot);
  auto saved = file_->write(slot_offset(slot.generation), bytes);
  if (saved) saved = file_->sync();
  if (!saved) {
    file_.reset();
    return saved;
  }
  passed_ = std::exchange(saved_, position.prefix);
  return {};
}

Result<void> CursorFile::save_twice_for(Sequence through, const Position& position) {
  TRIBUTARY_TRY(save(position));
  return passed_ < through ? save(position) : Result<void>();
}

// Both slots say the same then, so that damage to one of them costs nothing.
Result<void> CursorFile::make_anew(CursorSlot& slot) {
  auto file = replace_file(files_, path_, [&](File& made) -> Result<void> {
    TRIBUTARY_TRY(made.write(slot_offset(slot.generation), encode_cursor_slot(slot)));
    slot.generation = ++generation_;
    return made.write(slot_offset(slot.generation), encode_cursor_slot(slot));
  });
  if (!file) return std::unexpected(std::move(file).error());
  file_ = std::move(*file);
  saved_ = passed_ = slot.position.prefix;
  return {};
}

}  // namespace tributary
