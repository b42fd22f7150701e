#pragma once

#include <string>

#include "collector/stream/stream.h"
#include "shared/log/envelope.h"

namespace tributary::collector {

// A dead letter that fits into a stream, whatever the size of what it tells of: texts are cut to a
// kibibyte, and an event longer than `event_size_max` to its beginning, with its length and SHA-256
// added to the detail. Keeps what the cut envelope points to.
class DeadLetterRecord {
 public:
  // `envelope` with event, reason and so on filled in; its views must outlive this.
  DeadLetterRecord(Envelope envelope, std::size_t event_size_max);
  DeadLetterRecord(const DeadLetterRecord&) = delete;
  DeadLetterRecord& operator=(const DeadLetterRecord&) = delete;

  [[nodiscard]] const Envelope& envelope() const { return envelope_; }

 private:
  Envelope envelope_;
  std::string detail_;
};

// As it is listed: what the envelope of a dead letter says. `sequence`, `place` and `replayed_at`
// are the caller's.
DeadLetter make_dead_letter(const Envelope& envelope);

}  // namespace tributary::collector
