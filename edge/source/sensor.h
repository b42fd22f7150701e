#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "shared/base/result.h"
#include "shared/base/timestamp.h"

namespace tributary::edge {

// One event of the sensor's pipeline, as JSON text.
struct Reading {
  std::string json;
};

// Something that can be read again and again. The sampler's thread alone calls it.
class Sensor {
 public:
  virtual ~Sensor() = default;
  // `now`: the wall clock, the reading's time unless the sensor has times of its own (a recording).
  // A failure costs this sample; the sensor is asked again when the next one is due.
  virtual Result<Reading> sample(Timestamp now) = 0;
  // From one sample being due to the next one; zero: as fast as the buffer takes them; nothing:
  // there are no more.
  virtual std::optional<std::chrono::nanoseconds> interval() const = 0;
};

}  // namespace tributary::edge
