#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/mutex.h"
#include "shared/base/result.h"
#include "shared/base/sequence.h"
#include "shared/log/log.h"

namespace tributary::collector {

// How many dead letters were rejected at ingest (Envelope::kRejectedAtIngest) and are durable,
// ever: the log forgets its oldest records, the count stays, as data of a cursor. TOTALS.md has the
// bytes.
class RejectedCount {
 public:
  static constexpr const char* kCursor = "account";  // opened with `log`; nobody else releases it

  // Reads the cursor, and the records after it: their count was not saved when the program ended.
  static Result<std::unique_ptr<RejectedCount>> load(Log& log);

  // Appends a record that was rejected at ingest. Any thread.
  Result<Sequence> append(ByteView record);

  // Everything up to `through` is durable: count it. Thread of the committer.
  void committed(Sequence through);
  // Saves the count. After a failure it stays unsaved until the next call. Thread of the committer.
  Result<void> save();

  // Any thread.
  [[nodiscard]] std::uint64_t value() const { return count_.load(std::memory_order_relaxed); }
  [[nodiscard]] const std::string& note() const { return note_; }

 private:
  explicit RejectedCount(Log& log) : log_(log) {}
  Result<void> load_saved();
  Result<void> count_unsaved();

  Log& log_;
  std::string note_;
  std::atomic<std::uint64_t> count_ = 0;
  Sequence counted_;  // through here; the committer's
  Sequence saved_;    // likewise

  Mutex mutex_;
  std::vector<Sequence> uncommitted_
      TRIBUTARY_GUARDED_BY(mutex_);  // ascending; no more than the log lets wait for a commit
};

}  // namespace tributary::collector
