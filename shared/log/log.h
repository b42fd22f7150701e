#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/id.h"
#include "shared/base/result.h"
#include "shared/base/sequence.h"
#include "shared/io/file_system.h"

namespace tributary {

inline constexpr std::size_t kRecordSizeMax =
    (256U << 10) + (4U << 10);  // an event and its envelope
inline constexpr std::size_t kCursorRangesMax = 128;
inline constexpr std::size_t kCursorDataSizeMax = 1024;
inline constexpr std::size_t kCursorsMax = 16;

// What append() does when the log has reached LogOptions::size_max.
enum class WhenFull : std::uint8_t {
  refuse,       // errc::log_full; the caller waits ("block") or counts the loss ("drop_newest")
  drop_oldest,  // the oldest segment goes, read or not; Position::dropped counts what no one had
                // read
};

struct LogOptions {
  std::filesystem::path directory{};      // made when missing, with its parents
  std::uint64_t size_max = 256U << 20;    // bytes of all segments together; at least two segments
  std::uint64_t segment_size = 4U << 20;  // a segment is closed once it is this long
  WhenFull when_full = WhenFull::refuse;
  // Segments that every cursor has passed stay until size_max needs their room (with drop_oldest):
  // for a log whose records are looked up again. Otherwise they are removed at once.
  bool keep_released = false;
  std::size_t pending_size_max = 8U
                                 << 20;  // bytes appended and not committed; then errc::queue_full
  // The cursors that there are. Those found on the disk and not named here are removed, so that a
  // reader that no longer exists doesn't hold the disk for ever. A new one starts before the first
  // record that the log still has.
  std::vector<std::string> cursors{};
};

struct BatchLimit {
  std::size_t records = 5000;
  std::size_t bytes = 1U << 20;  // of payload; one record is returned even when it alone is over
};

// Records in the order of their sequences. The payloads point into `storage`: they live as long as
// this object does, wherever it is moved to.
struct Records {
  struct Entry {
    Sequence sequence;
    ByteView payload;
  };
  std::vector<Entry> entries{};
  // Sequences between `after` and the last entry (or the last committed record, when there is no
  // entry) that the log doesn't have: damaged, or dropped. Ascending. The reader releases them like
  // the rest: no cursor's prefix passes over them by itself.
  std::vector<SequenceRange> missing{};
  Bytes storage{};
};

// Where a cursor stands: everything up to `prefix` is released, and so are `ranges` (ascending, not
// touching each other nor the prefix).
struct Position {
  Sequence prefix{};
  std::vector<SequenceRange> ranges{};
  Bytes data{};               // what the last release() saved with it
  std::uint64_t dropped = 0;  // records that drop_oldest took away unreleased, ever

  [[nodiscard]] bool released(Sequence sequence) const;
};

// What open() found and did. Every count is of this start alone.
struct Recovery {
  std::uint64_t torn_bytes = 0;       // cut off the end of the last segment
  std::uint64_t damaged_records = 0;  // sequences lost to damage
  std::uint64_t damaged_bytes = 0;
  std::uint64_t foreign_files = 0;   // segments or cursors of another log: set aside
  std::uint64_t void_cursors = 0;    // both slots unreadable, or of another log: starts anew
  std::vector<std::string> notes{};  // a sentence for each, for the operator
};

struct LogStats {
  Sequence first{};  // of the oldest record that the log still has; last.next() when it has none
  Sequence committed{};     // last durable record
  Sequence appended{};      // last record, durable or not
  std::uint64_t bytes = 0;  // on the disk
  std::uint64_t segments = 0;
  std::uint64_t dropped_records =
      0;  // by drop_oldest, unreleased by at least one cursor, since open()
  std::uint64_t damaged_records = 0;  // found at open() or by a read since: gone, told in `missing`
  std::uint64_t failed_syncs = 0;     // commits whose write or sync failed
};

// A crash-safe append-only log of records in files of one directory: the edge's buffer and the
// collector's embedded stream. FORMAT.md has the bytes.
//
// append() and commit() may be called from any threads; concurrent commits share one write and one
// sync. read(), position(), stats() and wait() may be called from any threads. release() by one
// thread at a time for each cursor. No lock is held while the disk works.
//
// One process at a time has a log open (a lock file in the directory); errc::log_locked otherwise.
// A file of a version or with a feature that this program doesn't know: errc::unknown_version, and
// nothing is touched. Damage never prevents opening: it costs the records it hit, the bytes are
// kept in `<directory>/damaged/` (at most 64 MiB, then only counted), and recovery() tells.
class Log {
 public:
  static Result<std::unique_ptr<Log>> open(FileSystem& files, LogOptions options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // The record's place, not yet durable and not yet readable. The bytes are copied.
  // errc::too_large over kRecordSizeMax or when empty; errc::log_full; errc::queue_full when
  // pending_size_max bytes wait for a commit.
  Result<Sequence> append(ByteView record);

  // Makes everything appended so far durable; the last durable sequence. On failure nothing is lost
  // nor durable: the records stay pending, in order and with their sequences, and the next commit
  // writes them to a new segment. The caller waits before it tries again.
  Result<Sequence> commit();

  // Committed records after `after`, as many as the limit allows; none when there are none yet.
  // What is damaged or gone is skipped and told in `missing`.
  Result<Records> read(Sequence after, BatchLimit limit) const;

  // Records `range` as released by the cursor, and `data` (at most kCursorDataSizeMax bytes) with
  // it, in one atomic step that is durable on return. Ranges ahead of the prefix are kept until the
  // gap closes; errc::queue_full when they would be more than kCursorRangesMax (release older ones
  // first). What is released already may be released again. Segments that every cursor has passed
  // are removed from the disk. CHECKs that the cursor exists and that the range is committed.
  // An empty range (last < first) saves only the data.
  Result<void> release(std::string_view cursor, SequenceRange range,
                       std::optional<ByteView> data = std::nullopt);

  Position position(std::string_view cursor) const;

  // Returns true once a record after `after` is committed; false when the time is over or a stop is
  // asked for.
  bool wait(Sequence after, std::chrono::milliseconds time, const std::stop_token& stop) const;

  LogStats stats() const;
  const Recovery& recovery() const;
  // Made with the log's first segment; the name of this log for good.
  const Id& id() const;

 private:
  class Impl;
  explicit Log(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary
