#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "shared/base/result.h"
#include "shared/base/timestamp.h"

namespace tributary::edge {

// One event of the sensor's pipeline, as JSON text without line breaks (it travels as a line).
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
  // there are no more. Before the first sample, which is due at once, it only tells whether there
  // is one.
  virtual std::optional<std::chrono::nanoseconds> interval() const = 0;
  // Whether samples whose time passed while the program stood still are left out (a live sensor:
  // they would all give the same value), or taken late (a recording: each row is wanted).
  virtual bool skips_late_samples() const { return true; }
};

}  // namespace tributary::edge
