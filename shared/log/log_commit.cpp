// Log: append and commit.

#include <algorithm>
#include <utility>

#include "shared/base/mutex.h"
#include "shared/log/crc32c.h"
#include "shared/log/log_impl.h"

namespace tributary {

Result<Sequence> Log::Impl::append(ByteView record) {
  if (record.empty() || record.size() > kRecordSizeMax) {
    return fail(errc::too_large, "a record must have 1 to " + std::to_string(kRecordSizeMax) +
                                     " bytes, not " + std::to_string(record.size()));
  }
  const auto crc = crc32c(record);
  const auto size = kFrameHeaderSize + record.size();
  const MutexLock lock(mutex_);
  const auto waiting = pending_size();
  if (waiting > 0 && waiting + size > options_.pending_size_max) {
    return fail(errc::queue_full, std::to_string(waiting) + " bytes wait for a commit");
  }
  if (options_.when_full == WhenFull::refuse) {
    const auto headers = kSegmentHeaderSize * (2 + waiting / options_.segment_size);
    if (bytes_ + waiting + size + headers > options_.size_max) {
      return fail(errc::log_full, "the log " + options_.directory.string() + " is full");
    }
  }
  const auto at = pending_.size();
  pending_.resize(at + kFrameHeaderSize);
  pending_.insert(pending_.end(), record.begin(), record.end());
  appended_ = appended_.next();
  format_.encode({crc, static_cast<std::uint32_t>(record.size()), appended_}, pending_.data() + at);
  return appended_;
}

Result<Sequence> Log::Impl::commit() {
  MutexLock lock(mutex_);
  const auto target = appended_;
  while (committed_ < target) {
    if (!writing_) {
      TRIBUTARY_TRY(lead());
      continue;
    }
    const auto failures = failures_;
    round_over_.wait(lock, [&]() TRIBUTARY_REQUIRES(mutex_) {
      return !writing_ || committed_ >= target || failures_ != failures;
    });
    if (failures_ != failures && committed_ < target) return std::unexpected(*last_failure_);
  }
  return committed_;
}

// Writes everything pending, what an earlier failure left first, with the mutex let go meanwhile.
Result<void> Log::Impl::lead() {
  writing_ = true;
  batch_.erase(batch_.begin(), batch_.begin() + static_cast<std::ptrdiff_t>(batch_at_));
  batch_at_ = 0;
  if (batch_.empty()) {
    std::swap(batch_, pending_);
  } else {
    batch_.insert(batch_.end(), pending_.begin(), pending_.end());
  }
  pending_.clear();
  in_flight_size_ = batch_.size();
  mutex_.unlock();
  auto written = write_batch();
  mutex_.lock();
  writing_ = false;
  if (!written) {
    ++failures_;
    last_failure_ = written.error();
  }
  round_over_.notify_all();
  return written;
}

Result<void> Log::Impl::write_batch() {
  while (batch_at_ < batch_.size()) {
    auto piece = next_piece(active_.get());
    if (options_.when_full == WhenFull::drop_oldest) {
      TRIBUTARY_TRY(make_room(piece.frames.size() + kSegmentHeaderSize));
      if (!active_) piece = next_piece(nullptr);  // the room may have been its own
    }
    TRIBUTARY_TRY(write_piece(piece));
  }
  return {};
}

// As many frames as make the segment full, one at least.
Log::Impl::Piece Log::Impl::next_piece(const Segment* active) const {
  const auto end = active != nullptr ? active->end : kSegmentHeaderSize;
  const auto room = options_.segment_size > end ? options_.segment_size - end : 0;
  const auto rest = ByteView(batch_).subspan(batch_at_);
  Piece piece;
  piece.first = FrameFormat::decode_unchecked(rest.data()).sequence;
  std::size_t size = 0;
  do {
    const auto header = FrameFormat::decode_unchecked(rest.data() + size);
    piece.last = header.sequence;
    size += header.frame_size();
  } while (size < rest.size() && size < room);
  piece.frames = rest.first(size);
  return piece;
}

Result<void> Log::Impl::write_piece(const Piece& piece) {
  auto segment = active_;
  if (segment) {
    auto written = segment->file->write(segment->end, piece.frames);
    if (written) written = segment->file->sync();
    if (!written) {
      seal_active();
      return written;
    }
  } else {
    segment = std::make_shared<Segment>(piece.first);
    TRIBUTARY_ASSIGN(segment->file,
                     make_segment_file(files_, options_.directory, id_, piece.first, piece.frames));
  }
  publish(piece, segment);
  batch_at_ += piece.frames.size();
  return {};
}

void Log::Impl::publish(const Piece& piece, const std::shared_ptr<Segment>& segment) {
  const MutexLock lock(mutex_);
  if (segment != active_) {
    segments_.push_back(segment);
    active_ = segment;
    bytes_ += kSegmentHeaderSize;
  }
  for (std::size_t at = 0; at < piece.frames.size();) {
    const auto header = FrameFormat::decode_unchecked(piece.frames.data() + at);
    segment->add_to_index(header.sequence, segment->end + at);
    at += header.frame_size();
  }
  segment->last = piece.last;
  segment->end += piece.frames.size();
  segment->size = segment->end;
  bytes_ += piece.frames.size();
  in_flight_size_ -= piece.frames.size();
  committed_ = piece.last;
  if (segment->end >= options_.segment_size) {
    segment->file.reset();
    active_.reset();
  }
  committed_more_.notify_all();
  round_over_.notify_all();
}

// After a failed write or sync nothing behind the last commit can be trusted, and no later sync of
// this file can be believed. What stays there is void by the next segment's first sequence, whether
// it can be cut off or not.
void Log::Impl::seal_active() {
  const auto segment = active_;
  const bool cut = segment->file->truncate(segment->end).has_value();
  const auto size = cut ? segment->end : segment->file->size().value_or(segment->size);
  const MutexLock lock(mutex_);
  bytes_ += size - segment->size;
  segment->size = size;
  segment->file.reset();
  active_.reset();
  if (segment->last < segment->first) {
    // Its name will be the next one's, which replaces it.
    segments_.pop_back();
    bytes_ -= size;
  }
}

}  // namespace tributary
