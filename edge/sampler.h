#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "edge/buffer.h"
#include "edge/committer.h"
#include "edge/source/sensor.h"
#include "shared/base/clock.h"
#include "shared/base/mutex.h"
#include "shared/base/pulse.h"
#include "shared/observe/health.h"

namespace tributary::edge {

// A sensor and where its readings go.
struct Feed {
  std::string name;
  std::unique_ptr<Sensor> sensor;
  Buffer* buffer = nullptr;
};

// Samples each sensor when it is due. After a stall a live sensor goes on with the present: what
// was missed is counted, not made up for. A sensor whose buffer has no room waits, and only it.
//
// run() or step() belong to one thread; the rest to any.
class Sampler {
 public:
  struct SensorStatus {
    std::string name;
    std::uint64_t samples = 0;  // taken by the buffer
    std::uint64_t failures = 0;
    std::uint64_t skipped = 0;  // not sampled because their time had passed
    bool failing = false;       // the last sample failed
    bool ended = false;         // there are no more
    std::string error;          // of the last failure

    [[nodiscard]] HealthCheck health() const;
  };

  // Buffers and committer outlive it.
  Sampler(std::vector<Feed> feeds, Committer& committer, const Clock& clock);

  // Samples the sensor that is due the longest, when one is. When the next one is due; nothing when
  // every sensor has ended and its readings are in the buffer.
  std::optional<std::chrono::nanoseconds> step();
  // Until a stop, or the end of all sensors.
  void run(const std::stop_token& stop);

  [[nodiscard]] std::size_t sensors() const { return entries_.size(); }
  [[nodiscard]] SensorStatus status(std::size_t sensor) const;
  // Every sensor has ended and what it gave was taken or dropped.
  [[nodiscard]] bool finished() const;
  // For how long one sample is being taken: a sensor may hang. Any thread.
  [[nodiscard]] std::chrono::nanoseconds busy() const { return pulse_.busy(); }

 private:
  struct Entry {
    Feed feed;
    std::chrono::nanoseconds scheduled{};  // when the present sample should have been taken
    std::chrono::nanoseconds due{};        // the same, or when to offer `held` again
    std::optional<std::string> held;       // a reading that found no room
    SensorStatus status;
  };

  void take(Entry& entry, std::chrono::nanoseconds now);
  bool sample(Entry& entry);
  void schedule(Entry& entry, std::chrono::nanoseconds now);
  [[nodiscard]] Entry* first_due();

  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<Entry*> heap_;  // those that have not ended, the first due on top
  Committer& committer_;
  const Clock& clock_;
  Pulse pulse_{clock_};
  mutable Mutex mutex_;  // guards every Entry::status
};

}  // namespace tributary::edge
