#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/mutex.h"
#include "shared/log/cursor_file.h"
#include "shared/log/damaged_store.h"
#include "shared/log/frame.h"
#include "shared/log/log.h"
#include "shared/log/scan.h"
#include "shared/log/segment.h"

namespace tributary {

// One mutex guards what is in memory. The disk works without it: writing_ makes one thread at a
// time the leader, who alone writes segments and changes active_ meanwhile; each cursor has its own
// lock for its file. Lock order: Cursor::saving, mutex_.
class Log::Impl {
 public:
  Impl(FileSystem& files, LogOptions options) : files_(files), options_(std::move(options)) {}

  Result<void> open();
  Result<Sequence> append(ByteView record);
  Result<Sequence> commit();
  Result<Records> read(Sequence after, BatchLimit limit);
  Result<void> release(std::string_view name, SequenceRange range, std::optional<ByteView> data);
  Position position(std::string_view name) const;
  bool wait(Sequence after, std::chrono::milliseconds time, const std::stop_token& stop) const;
  LogStats stats() const;
  [[nodiscard]] const Recovery& recovery() const { return report_; }
  [[nodiscard]] const Id& id() const { return id_; }

 private:
  // Frames of the batch that go into one segment with one write and one sync.
  struct Piece {
    ByteView frames;
    Sequence first;
    Sequence last;
  };
  // Where a read goes on.
  struct View {
    std::shared_ptr<Segment> segment;
    std::shared_ptr<File> file;  // none: to be opened
    std::string name;
    Sequence first;
    Sequence last;
    SegmentScan::Range range;
  };
  struct Cursor {
    Cursor(std::string given, Position at, std::unique_ptr<CursorFile> in)
        : name(std::move(given)),
          position(std::move(at)),
          passed(in->passed()),
          file(std::move(in)) {}

    const std::string name;
    Position position;  // guarded by the log's mutex, as is …
    Sequence passed;    // … what both copies of the position have passed
    Mutex saving;       // held while the file is written: by release(), or by a drop
    std::unique_ptr<CursorFile> file TRIBUTARY_GUARDED_BY(saving);
  };
  class Collector;

  Result<void> lead() TRIBUTARY_REQUIRES(mutex_);
  Result<void> write_batch();
  Result<void> write_piece(const Piece& piece);
  Piece next_piece(const Segment* active) const;
  void publish(const Piece& piece, const std::shared_ptr<Segment>& segment);
  void seal_active();

  Result<void> make_room(std::uint64_t size);
  Result<void> drop(const std::shared_ptr<Segment>& victim);
  Sequence passed_segments(Sequence prefix) const TRIBUTARY_REQUIRES(mutex_);
  void take_passed() TRIBUTARY_REQUIRES(mutex_);
  void remove_doomed();

  std::optional<View> view_after(Sequence at) const;
  Result<bool> read_segment(const View& view, Collector& to);
  void found_damaged(const View& view, const Found& found);

  Cursor& cursor(std::string_view name) const;
  [[nodiscard]] std::uint64_t pending_size() const TRIBUTARY_REQUIRES(mutex_) {
    return in_flight_size_ + pending_.size();
  }

  FileSystem& files_;
  const LogOptions options_;
  std::unique_ptr<FileLock> directory_lock_;
  std::unique_ptr<DamagedStore> damaged_;
  Id id_;
  FrameFormat format_{Id{}};
  Recovery report_;
  std::vector<std::unique_ptr<Cursor>> cursors_;

  mutable Mutex mutex_;
  mutable Condition committed_more_;
  Condition round_over_;
  std::deque<std::shared_ptr<Segment>> segments_ TRIBUTARY_GUARDED_BY(mutex_);
  std::shared_ptr<Segment> active_;  // the last of segments_; none: the next commit makes one
  std::vector<std::shared_ptr<Segment>> doomed_
      TRIBUTARY_GUARDED_BY(mutex_);  // out of segments_, their files to be removed
  Sequence committed_ TRIBUTARY_GUARDED_BY(mutex_);
  Sequence appended_ TRIBUTARY_GUARDED_BY(mutex_);
  Bytes pending_ TRIBUTARY_GUARDED_BY(mutex_);  // frames appended after those in batch_
  std::uint64_t in_flight_size_ TRIBUTARY_GUARDED_BY(mutex_) = 0;  // of batch_, not committed
  std::uint64_t bytes_ TRIBUTARY_GUARDED_BY(mutex_) = 0;           // of segments_ and doomed_
  bool writing_ TRIBUTARY_GUARDED_BY(mutex_) = false;
  std::uint64_t failures_ TRIBUTARY_GUARDED_BY(mutex_) = 0;
  std::optional<Error> last_failure_ TRIBUTARY_GUARDED_BY(mutex_);
  std::uint64_t dropped_records_ TRIBUTARY_GUARDED_BY(mutex_) = 0;
  std::uint64_t damaged_records_ TRIBUTARY_GUARDED_BY(mutex_) = 0;

  // The leader's.
  Bytes batch_;
  std::size_t batch_at_ = 0;  // what is before it is committed
};

}  // namespace tributary
