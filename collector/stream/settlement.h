#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "collector/outcome.h"
#include "shared/base/mutex.h"
#include "shared/base/result.h"
#include "shared/base/sequence.h"
#include "shared/log/log.h"

namespace tributary::collector {

// How far one group has settled the records of a log, and how they ended: the cursor and the
// totals, which move in one durable step. settle() by one thread at a time, the rest by any.
class Settlement {
 public:
  // Reads the group's cursor. errc::unknown_version for totals of a newer program. Totals that
  // can't be used otherwise begin anew, and note() says so.
  static Result<std::unique_ptr<Settlement>> load(Log& log, const std::string& group);

  // The records of `range` came to the ends that `ends` counts: as many as the range has. Durable
  // on return; after a failure nothing changed for the caller, who tries again.
  Result<void> settle(SequenceRange range, const Totals& ends);

  // Of this log alone, as of one moment.
  [[nodiscard]] Account account() const;
  [[nodiscard]] Position position() const { return log_.position(group_); }
  // What an operator must know about the totals; empty when they are whole.
  [[nodiscard]] const std::string& note() const { return note_; }

 private:
  Settlement(Log& log, std::string group, std::uint64_t released);
  void begin_anew(const std::string& why);
  void go_on_with(const Totals& totals);

  Log& log_;
  const std::string group_;
  std::string note_;
  std::uint64_t before_ = 0;  // sequences that went before the totals began: nobody's records

  mutable Mutex mutex_;
  Totals totals_ TRIBUTARY_GUARDED_BY(mutex_);
  std::uint64_t released_ TRIBUTARY_GUARDED_BY(mutex_);  // sequences, those of before_ among them
};

}  // namespace tributary::collector
