// Log: cursors, and the segments that go.

#include <algorithm>
#include <tuple>

#include "shared/base/check.h"
#include "shared/base/mutex.h"
#include "shared/log/log_impl.h"
#include "shared/log/position.h"

namespace tributary {
namespace {

// The segment in use goes, too, once all of it is released and it is this part of a full one.
constexpr std::uint64_t kPassedActivePart = 16;

}  // namespace

Result<void> Log::Impl::release(std::string_view name, SequenceRange range,
                                std::optional<ByteView> data) {
  auto& released = cursor(name);
  const MutexLock saving(released.saving);
  MutexLock lock(mutex_);
  auto position = released.position;
  if (range.first <= range.last) {
    CHECK(range.last <= committed_);
    add_released(position, range);
  }
  const auto through = passed_segments(position.prefix);
  lock.unlock();
  if (position.ranges.size() > kCursorRangesMax) {
    return fail(errc::queue_full, "the cursor " + released.name + " has too many gaps");
  }
  if (data) {
    CHECK(data->size() <= kCursorDataSizeMax);
    position.data.assign(data->begin(), data->end());
  }
  TRIBUTARY_TRY(released.file->save_twice_for(through, position));
  lock.lock();
  released.position = std::move(position);
  released.passed = released.file->passed();
  take_passed();
  lock.unlock();
  remove_doomed();
  return {};
}

Log::Impl::Cursor& Log::Impl::cursor(std::string_view name) const {
  const auto found =
      std::ranges::find(cursors_, name, [](const auto& cursor) { return cursor->name; });
  CHECK(found != cursors_.end());
  return **found;
}

Position Log::Impl::position(std::string_view name) const {
  const MutexLock lock(mutex_);
  return cursor(name).position;
}

// For drop_oldest: until `size` more bytes are within the quota.
Result<void> Log::Impl::make_room(std::uint64_t size) {
  remove_doomed();  // what the disk refused to remove before
  for (;;) {
    std::shared_ptr<Segment> victim;
    {
      const MutexLock lock(mutex_);
      if (bytes_ + size <= options_.size_max || segments_.empty()) return {};
      if (!doomed_.empty()) {
        return fail(errc::log_full, "cannot remove old segments of " + options_.directory.string());
      }
      victim = segments_.front();
      if (victim == active_) {
        victim->file.reset();
        active_.reset();
      }
    }
    TRIBUTARY_TRY(drop(victim));
  }
}

// Cursors are behind the victim, durably, before it goes.
Result<void> Log::Impl::drop(const std::shared_ptr<Segment>& victim) {
  const SequenceRange range{victim->first, victim->last};
  Position dropped;  // by at least one cursor
  dropped.prefix = {range.first.value - 1};
  for (const auto& cursor : cursors_) {
    const MutexLock saving(cursor->saving);
    MutexLock lock(mutex_);
    auto position = cursor->position;
    if (cursor->passed >= range.last) continue;
    for (const auto& lost : unreleased(position, range)) {
      position.dropped += victim->count_records(lost);
      add_released(dropped, lost);
    }
    lock.unlock();
    add_released(position, {{1}, range.last});
    TRIBUTARY_TRY(cursor->file->save_twice_for(range.last, position));
    lock.lock();
    cursor->position = std::move(position);
    cursor->passed = cursor->file->passed();
  }
  if (cursors_.empty()) add_released(dropped, range);
  {
    const MutexLock lock(mutex_);
    if (segments_.empty() || segments_.front() != victim) return {};  // a release was faster
    segments_.pop_front();
    doomed_.push_back(victim);
    if (dropped.prefix >= range.first)
      dropped_records_ += victim->count_records({range.first, dropped.prefix});
    for (const auto& lost : dropped.ranges) dropped_records_ += victim->count_records(lost);
  }
  remove_doomed();
  return {};
}

// The end of the segments that may go once every cursor has passed this prefix for good.
Sequence Log::Impl::passed_segments(Sequence prefix) const {
  Sequence through;
  if (options_.keep_released) return through;
  for (const auto& segment : segments_) {
    if (segment->last > prefix) break;
    const bool small = segment->size < options_.segment_size / kPassedActivePart;
    if (segment == active_ && (writing_ || small)) break;
    through = segment->last;
  }
  return through;
}

// Takes the segments that every cursor has passed out of the log; remove_doomed() comes next.
void Log::Impl::take_passed() {
  if (cursors_.empty()) return;
  Sequence passed{~std::uint64_t{0}};
  for (const auto& cursor : cursors_) passed = std::min(passed, cursor->passed);
  const auto through = passed_segments(passed);
  while (!segments_.empty() && segments_.front()->last <= through) {
    if (segments_.front() == active_) {
      active_->file.reset();
      active_.reset();
    }
    doomed_.push_back(segments_.front());
    segments_.pop_front();
  }
}

// A file that can't be removed now is tried again with the next ones, before the log is found to be
// full, and by the next open.
void Log::Impl::remove_doomed() {
  std::vector<std::shared_ptr<Segment>> doomed;
  {
    const MutexLock lock(mutex_);
    doomed.swap(doomed_);
  }
  if (doomed.empty()) return;
  for (const auto& segment : doomed) {
    const auto removed = files_.remove(options_.directory / segment->name());
    const bool gone = removed || removed.error().code() == std::errc::no_such_file_or_directory;
    const MutexLock lock(mutex_);
    if (gone) {
      bytes_ -= segment->size;
    } else {
      doomed_.push_back(segment);
    }
  }
  // When this fails, a crash may bring the files back: every cursor is behind them then.
  std::ignore = files_.sync_directory(options_.directory);
}

}  // namespace tributary
