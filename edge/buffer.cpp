#include "edge/buffer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "edge/publish/outbox.h"
#include "edge/source/json_text.h"
#include "shared/base/id.h"
#include "shared/log/damaged_store.h"
#include "shared/log/envelope.h"
#include "shared/log/position.h"
#include "shared/observe/logging.h"

namespace tributary::edge {
namespace {

using namespace std::chrono_literals;

// A commit of a sample every now and then is small; a recording at full speed waits here for the
// disk. Memory is short.
constexpr std::size_t kPendingSizeMax = 128U << 10;
// A full buffer drops all the time: one line a minute, and health shows it for as long.
constexpr auto kDropsTold = 60s;

LogOptions log_options(const BufferOptions& options) {
  LogOptions log;
  log.directory = options.directory;
  log.size_max = options.size_max;
  log.segment_size = options.segment_size;
  log.when_full =
      options.when_full == FullPolicy::drop_oldest ? WhenFull::drop_oldest : WhenFull::refuse;
  log.pending_size_max = kPendingSizeMax;
  log.cursors = {kPublisherCursor};
  return log;
}

}  // namespace

std::string_view text(FullPolicy policy) {
  switch (policy) {
    case FullPolicy::drop_oldest:
      return "drop_oldest";
    case FullPolicy::drop_newest:
      return "drop_newest";
    case FullPolicy::block:
      break;
  }
  return "block";
}

std::string BufferReport::json() const {
  std::string json = R"({"pipeline":)";
  append_json_string(json, pipeline);
  json += R"(,"records":)" + std::to_string(records);
  json += R"(,"bytes":)" + std::to_string(bytes);
  json += R"(,"oldest":)";
  json += oldest ? '"' + oldest->text() + '"' : "null";
  json += R"(,"dropped":)" + std::to_string(dropped);
  json += R"(,"damaged":)" + std::to_string(damaged);
  json += R"(,"damaged_bytes":)" + std::to_string(damaged_bytes);
  json += R"(,"kept_aside_bytes":)" + std::to_string(kept_aside_bytes);
  json += R"(,"size_max":)" + std::to_string(size_max);
  json += R"(,"when_full":")" + std::string(text(when_full)) + '"';
  return json += '}';
}

Result<std::unique_ptr<Buffer>> Buffer::open(FileSystem& files, const Clock& clock,
                                             BufferOptions options) {
  TRIBUTARY_ASSIGN(auto log, Log::open(files, log_options(options)));
  for (const auto& note : log->recovery().notes) {
    log_warning("buffer", note, {{"pipeline", options.pipeline}});
  }
  return std::unique_ptr<Buffer>(new Buffer(files, clock, std::move(options), std::move(log)));
}

Buffer::Buffer(FileSystem& files, const Clock& clock, BufferOptions options,
               std::unique_ptr<Log> log)
    : files_(files),
      options_(std::move(options)),
      clock_(clock),
      log_(std::move(log)),
      backoff_(100ms, 10s),
      dropped_(log_->position(kPublisherCursor).dropped) {}

Buffer::Taken Buffer::take(std::string_view event) {
  Envelope envelope;
  envelope.boot = boot_id();
  envelope.monotonic = clock_.monotonic();
  envelope.received_at = clock_.now();
  envelope.pipeline = options_.pipeline;
  envelope.source = "sensor";
  envelope.event = event;
  record_.clear();
  encode(envelope, record_);
  const auto appended = log_->append(record_);
  if (!appended) return refused(appended.error());
  ++sampled_;
  blocked_ = false;
  return Taken::yes;
}

Buffer::Taken Buffer::refused(const Error& error) {
  if (error == errc::too_large) {
    ++too_large_;
    log_error("buffer", "an event is dropped: " + error.message(),
              {{"pipeline", options_.pipeline}});
    return Taken::dropped;
  }
  if (error != errc::log_full) return Taken::wait_for_commit;
  if (options_.when_full == FullPolicy::block) {
    if (!blocked_.exchange(true)) {
      log_warning("buffer", "full: sampling waits for delivery", {{"pipeline", options_.pipeline}});
    }
    return Taken::wait_for_delivery;
  }
  if (const auto dropped = ++dropped_newest_; dropped == 1 || dropped % 1000 == 0) {
    log_warning("buffer", "full: the newest samples are dropped",
                {{"pipeline", options_.pipeline}, {"dropped", dropped}});
  }
  return Taken::dropped;
}

bool Buffer::pending() const {
  const auto stats = log_->stats();
  return stats.appended > stats.committed;
}

bool Buffer::commit() {
  if (clock_.monotonic() < commit_due()) return false;
  const auto committed = log_->commit();
  const MutexLock lock(mutex_);
  if (!committed) {
    commit_due_ = clock_.monotonic() + backoff_.next();
    const auto why = committed.error().message();
    if (trouble_ != why) {
      log_error("buffer", "samples are not durable yet: " + why, {{"pipeline", options_.pipeline}});
    }
    trouble_ = why;
    return false;
  }
  if (!trouble_.empty()) {
    log_info("buffer", "samples are durable again", {{"pipeline", options_.pipeline}});
    trouble_.clear();
    backoff_.reset();
  }
  tell_drops();
  return true;
}

void Buffer::tell_drops() {
  const auto dropped = log_->position(kPublisherCursor).dropped;
  if (dropped == dropped_) return;
  const auto now = clock_.monotonic();
  dropped_ = dropped;
  dropped_at_ = now;
  if (told_at_ && now - *told_at_ < kDropsTold) return;
  told_at_ = now;
  log_warning("buffer", "full: the oldest samples are dropped",
              {{"pipeline", options_.pipeline}, {"dropped_ever", dropped}});
}

std::chrono::nanoseconds Buffer::commit_due() const {
  const MutexLock lock(mutex_);
  return commit_due_;
}

Buffer::Counts Buffer::counts() const {
  return {.sampled = sampled_,
          .dropped_oldest = log_->position(kPublisherCursor).dropped,
          .dropped_newest = dropped_newest_,
          .too_large = too_large_};
}

std::uint64_t Buffer::records() const {
  const auto stats = log_->stats();
  const SequenceRange there{stats.first, stats.appended};
  if (there.last < there.first) return 0;
  return there.count() - count_released(log_->position(kPublisherCursor), there);
}

BufferReport Buffer::report() const {
  const auto stats = log_->stats();
  const auto count = counts();
  return {.pipeline = options_.pipeline,
          .records = records(),
          .bytes = stats.bytes,
          .size_max = options_.size_max,
          .when_full = options_.when_full,
          .dropped = count.dropped_oldest + count.dropped_newest,
          .damaged = stats.damaged_records,
          .damaged_bytes = log_->recovery().damaged_bytes,
          .kept_aside_bytes = kept_aside_bytes(),
          .oldest = oldest()};
}

std::uint64_t Buffer::kept_aside_bytes() const {
  std::uint64_t bytes = 0;
  const auto directory = options_.directory / DamagedStore::kDirectory;
  const auto names = files_.list(directory);
  if (!names) return 0;
  for (const auto& name : *names) {
    const auto file = files_.open(directory / name, OpenMode::read);
    if (file) bytes += (*file)->size().value_or(0);
  }
  return bytes;
}

std::optional<Timestamp> Buffer::oldest() const {
  const auto records =
      log_->read(log_->position(kPublisherCursor).prefix, {.records = 1, .bytes = 1});
  if (!records || records->entries.empty()) return std::nullopt;
  const auto envelope = decode_envelope(records->entries.front().payload);
  if (!envelope) return std::nullopt;
  return envelope->received_at;
}

HealthCheck Buffer::health() const {
  const MutexLock lock(mutex_);
  if (!trouble_.empty()) return {.up = false, .detail = "samples are not durable: " + trouble_};
  if (blocked_) return {.detail = "full: sampling waits for delivery", .warning = true};
  if (dropped_at_ && clock_.monotonic() - *dropped_at_ < kDropsTold) {
    return {
        .detail = "full: the oldest samples are dropped, " + std::to_string(dropped_) + " so far",
        .warning = true};
  }
  return {};
}

}  // namespace tributary::edge
