#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "shared/base/bytes.h"
#include "shared/base/id.h"
#include "shared/base/result.h"
#include "shared/io/file_system.h"
#include "shared/log/log.h"

namespace tributary {

inline constexpr std::size_t kCursorSlotSize = 4096;
inline constexpr std::string_view kCursorNameEnd = ".cursor";

// [a-z0-9_-]{1,63}
bool is_cursor_name(std::string_view name);

// What one slot of a cursor file holds; FORMAT.md has the bytes.
struct CursorSlot {
  Id log;
  std::uint64_t generation = 0;  // the greater one of two slots is the newer one
  Position position;
};

Bytes encode_cursor_slot(const CursorSlot& slot);
// errc::unknown_version; errc::corrupt for everything else that is no slot. `bytes` may be of any
// size.
Result<CursorSlot> decode_cursor_slot(ByteView bytes);

// What a cursor file says: the newest slots, one for each log id found in it (two at most, newest
// first); none when both are damaged. errc::unknown_version when either slot is of a newer program.
Result<std::vector<CursorSlot>> read_cursor_file(FileSystem& files,
                                                 const std::filesystem::path& path);

// The file of one cursor, written. One thread at a time.
class CursorFile {
 public:
  // Nothing is read or written yet: the first save() makes the file anew, since what a process
  // before this one wrote may be in the page cache only.
  CursorFile(FileSystem& files, std::filesystem::path path, const Id& log,
             std::uint64_t generation);

  // Durable on return. After a failure the old position or this one is on the disk, and the next
  // save makes the file anew: Linux calls the pages of a failed sync clean.
  Result<void> save(const Position& position);
  // The same, and again if need be: until both slots have passed `through`, which `position` has. A
  // record may go only then: with one slot damaged, the other must not stand before it.
  Result<void> save_twice_for(Sequence through, const Position& position);
  // The file is left as it is for now (there is no room for a new one, perhaps); what is released
  // up to here may go all the same: that makes room.
  void keep(const Position& position) { saved_ = passed_ = position.prefix; }
  // What both slots have passed.
  [[nodiscard]] Sequence passed() const { return passed_; }

 private:
  Result<void> make_anew(CursorSlot& slot);

  FileSystem& files_;
  std::filesystem::path path_;
  Id log_;
  std::uint64_t generation_;    // the last one that may be on the disk
  Sequence saved_;              // the prefix in the newer slot …
  Sequence passed_;             // … and in the older one
  std::shared_ptr<File> file_;  // none: the file is to be made anew
};

}  // namespace tributary
