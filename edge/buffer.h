#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/backoff.h"
#include "shared/base/bytes.h"
#include "shared/base/clock.h"
#include "shared/base/mutex.h"
#include "shared/base/result.h"
#include "shared/io/file_system.h"
#include "shared/log/log.h"
#include "shared/observe/health.h"

namespace tributary::edge {

// What happens to a sample when the buffer has reached its size.
enum class FullPolicy { drop_oldest, drop_newest, block };
std::string_view text(FullPolicy policy);

struct BufferOptions {
  std::string pipeline;
  std::filesystem::path directory;  // of this pipeline's log
  std::uint64_t size_max = 256U << 20;
  std::uint64_t segment_size = 4U << 20;
  FullPolicy when_full = FullPolicy::drop_oldest;
};

// How full a buffer is.
struct BufferReport {
  std::string pipeline;
  std::uint64_t records = 0;   // not yet released
  std::uint64_t bytes = 0;     // on the disk
  std::uint64_t size_max = 0;  // which it may have there
  FullPolicy when_full = FullPolicy::drop_oldest;
  std::uint64_t dropped = 0;           // the oldest, ever, and the newest, since the start
  std::uint64_t damaged = 0;           // records, since the start
  std::uint64_t damaged_bytes = 0;     // found at the start
  std::uint64_t kept_aside_bytes = 0;  // of what was damaged, now or earlier
  std::optional<Timestamp> oldest;     // when it was sampled

  [[nodiscard]] std::string json() const;
};

// One pipeline's durable buffer: its log, what happens when it is full, and how its commits go.
// take() belongs to the sampler's thread, the rest to any.
class Buffer {
 public:
  enum class Taken {
    yes,
    dropped,            // full, and its policy drops the newest; or too large to be ever taken
    wait_for_commit,    // offer it again once there was a commit
    wait_for_delivery,  // full, and its policy blocks
  };
  struct Counts {
    std::uint64_t sampled = 0;
    std::uint64_t dropped_oldest = 0;
    std::uint64_t dropped_newest = 0;
    std::uint64_t too_large = 0;
  };

  static Result<std::unique_ptr<Buffer>> open(FileSystem& files, const Clock& clock,
                                              BufferOptions options);

  // An event, sampled now.
  Taken take(std::string_view event);

  // Whether something was taken and is not durable.
  [[nodiscard]] bool pending() const;
  // Makes it durable; true when it is. After a failure it does nothing for a while.
  bool commit();
  // When commit() is worth calling again; in the past unless it failed.
  [[nodiscard]] std::chrono::nanoseconds commit_due() const;

  [[nodiscard]] Log& log() { return *log_; }
  [[nodiscard]] const std::string& pipeline() const { return options_.pipeline; }
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] std::uint64_t records() const;
  // Reads the oldest record from the disk.
  [[nodiscard]] BufferReport report() const;
  [[nodiscard]] HealthCheck health() const;

 private:
  Buffer(FileSystem& files, const Clock& clock, BufferOptions options, std::unique_ptr<Log> log);
  Taken refused(const Error& error);
  void tell_drops() TRIBUTARY_REQUIRES(mutex_);
  [[nodiscard]] std::optional<Timestamp> oldest() const;
  [[nodiscard]] std::uint64_t kept_aside_bytes() const;

  FileSystem& files_;
  const BufferOptions options_;
  const Clock& clock_;
  const std::unique_ptr<Log> log_;
  Bytes record_;  // take()'s, kept for its memory
  std::atomic<std::uint64_t> sampled_ = 0;
  std::atomic<std::uint64_t> dropped_newest_ = 0;
  std::atomic<std::uint64_t> too_large_ = 0;
  std::atomic<bool> blocked_ = false;

  mutable Mutex mutex_;
  Backoff backoff_ TRIBUTARY_GUARDED_BY(mutex_);
  std::chrono::nanoseconds commit_due_ TRIBUTARY_GUARDED_BY(mutex_){};
  std::string trouble_ TRIBUTARY_GUARDED_BY(mutex_);  // of the last commit; empty: it went well
  std::uint64_t dropped_ TRIBUTARY_GUARDED_BY(mutex_) = 0;  // of the oldest, when last looked at
  std::optional<std::chrono::nanoseconds> dropped_at_
      TRIBUTARY_GUARDED_BY(mutex_);  // the last drop since the start
  std::optional<std::chrono::nanoseconds> told_at_
      TRIBUTARY_GUARDED_BY(mutex_);  // the last line about drops
};

}  // namespace tributary::edge
