#include "edge/source/event_time.h"

#include <cstdint>

namespace tributary::edge {
namespace {

constexpr std::int32_t kMillisecond = 1'000'000;

}  // namespace

Timestamp EventTime::next(Timestamp now) {
  auto time = now;
  time.nanoseconds -= time.nanoseconds % kMillisecond;
  const auto last_millisecond = last_.nanoseconds - last_.nanoseconds % kMillisecond;
  if (time.seconds == last_.seconds && time.nanoseconds == last_millisecond) {
    time = now > last_ ? now : Timestamp{last_.seconds, last_.nanoseconds + 1};
  }
  last_ = time;
  return time;
}

}  // namespace tributary::edge
