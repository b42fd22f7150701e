#include "shared/log/log.h"

#include <algorithm>
#include <set>
#include <utility>

#include "shared/base/mutex.h"
#include "shared/log/log_impl.h"
#include "shared/log/recovery.h"

namespace tributary {
namespace {

constexpr const char* kLockName = "LOCK";

Result<void> check_options(const LogOptions& options) {
  if (options.segment_size <= kSegmentHeaderSize || options.size_max / 2 < options.segment_size) {
    return fail(errc::invalid_argument,
                options.directory.string() + ": the log must have room for two segments");
  }
  const std::set<std::string> names(options.cursors.begin(), options.cursors.end());
  if (names.size() != options.cursors.size() || names.size() > kCursorsMax ||
      !std::ranges::all_of(names, is_cursor_name)) {
    return fail(errc::invalid_argument,
                options.directory.string() +
                    ": cursor names must be 16 at most, each once, of [a-z0-9_-]{1,63}");
  }
  return {};
}

}  // namespace

Result<void> Log::Impl::open() {
  TRIBUTARY_TRY(check_options(options_));
  TRIBUTARY_TRY(prepare_directory(files_, options_.directory));
  TRIBUTARY_ASSIGN(directory_lock_, files_.lock(options_.directory / kLockName));
  damaged_ = std::make_unique<DamagedStore>(files_, options_.directory);
  TRIBUTARY_ASSIGN(auto recovered, recover(files_, options_, *damaged_));
  id_ = recovered.log;
  format_ = FrameFormat(id_);
  report_ = std::move(recovered.report);
  for (auto& [name, position, file] : recovered.cursors) {
    cursors_.push_back(
        std::make_unique<Cursor>(std::move(name), std::move(position), std::move(file)));
  }
  MutexLock lock(mutex_);
  segments_ = std::move(recovered.segments);
  active_ = std::move(recovered.active);
  committed_ = appended_ = recovered.committed;
  damaged_records_ = report_.damaged_records;
  for (const auto& segment : segments_) bytes_ += segment->size;
  take_passed();
  lock.unlock();
  remove_doomed();
  return {};
}

bool Log::Impl::wait(Sequence after, std::chrono::milliseconds time,
                     const std::stop_token& stop) const {
  MutexLock lock(mutex_);
  return committed_more_.wait_for(lock, stop, time,
                                  [&]() TRIBUTARY_REQUIRES(mutex_) { return committed_ > after; });
}

LogStats Log::Impl::stats() const {
  const MutexLock lock(mutex_);
  auto first = committed_.next();
  for (const auto& segment : segments_) {
    auto oldest = segment->first;
    for (const auto& lost : segment->missing) {
      if (lost.contains(oldest)) oldest = lost.last.next();
    }
    if (oldest > segment->last) continue;
    first = oldest;
    break;
  }
  return {.first = first,
          .committed = committed_,
          .appended = appended_,
          .bytes = bytes_,
          .segments = segments_.size(),
          .dropped_records = dropped_records_,
          .damaged_records = damaged_records_,
          .failed_syncs = failures_};
}

Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(FileSystem& files, LogOptions options) {
  auto impl = std::make_unique<Impl>(files, std::move(options));
  TRIBUTARY_TRY(impl->open());
  return std::unique_ptr<Log>(new Log(std::move(impl)));
}

Result<Sequence> Log::append(ByteView record) { return impl_->append(record); }
Result<Sequence> Log::commit() { return impl_->commit(); }
Result<Records> Log::read(Sequence after, BatchLimit limit) const {
  return impl_->read(after, limit);
}
Result<void> Log::release(std::string_view cursor, SequenceRange range,
                          std::optional<ByteView> data) {
  return impl_->release(cursor, range, data);
}
Position Log::position(std::string_view cursor) const { return impl_->position(cursor); }
bool Log::wait(Sequence after, std::chrono::milliseconds time, const std::stop_token& stop) const {
  return impl_->wait(after, time, stop);
}
LogStats Log::stats() const { return impl_->stats(); }
const Recovery& Log::recovery() const { return impl_->recovery(); }
const Id& Log::id() const { return impl_->id(); }

}  // namespace tributary
