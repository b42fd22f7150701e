#pragma once

#include <string>

#include "shared/log/envelope.h"

namespace tributary::collector {

// A dead letter that every stream takes, whatever the size of what it tells of: texts are cut to a
// kibibyte, and an event longer than kEventSizeMax to its beginning, with its length and SHA-256
// added to the detail. Keeps what the cut envelope points to.
class DeadLetterRecord {
 public:
  // `envelope` with event, reason and so on filled in; its views must outlive this.
  explicit DeadLetterRecord(Envelope envelope);
  DeadLetterRecord(const DeadLetterRecord&) = delete;
  DeadLetterRecord& operator=(const DeadLetterRecord&) = delete;

  [[nodiscard]] const Envelope& envelope() const { return envelope_; }

 private:
  Envelope envelope_;
  std::string detail_;
};

}  // namespace tributary::collector
