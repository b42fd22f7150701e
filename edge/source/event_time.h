#pragma once

#include "shared/base/timestamp.h"

namespace tributary::edge {

// The times of a live sensor's events, each another one: sensor and time are an event's key.
class EventTime {
 public:
  // `now` to the millisecond; to the nanosecond when the last one fell into the same millisecond.
  Timestamp next(Timestamp now);

 private:
  Timestamp last_;
};

}  // namespace tributary::edge
