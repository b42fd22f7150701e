#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/id.h"
#include "shared/base/result.h"
#include "shared/base/sequence.h"
#include "shared/observe/health.h"

namespace tributary::edge {

// Contiguous records of one log.
struct Batch {
  std::string pipeline;
  Id log;
  SequenceRange range;
  std::string payload;  // NDJSON, one line each
};

// The word of the peer on a batch.
struct Delivery {
  enum class Verdict : std::uint8_t {
    durable,  // the collector has it in its stream or its dead letters (or, in PUBACK mode, the broker has it)
    lost,     // it has to be sent again: refused, without a subscriber, expired, or the connection went
  };
  Verdict verdict = Verdict::lost;
  Id log;
  SequenceRange range;
  std::uint64_t rejected = 0;  // lines that the collector found invalid and put among its dead letters
};

// Carries batches to the collector. It keeps no payloads: what is lost is read from the log and
// published again. The publishing thread alone calls it, except health().
class Publisher {
 public:
  virtual ~Publisher() = default;
  // errc::window_full: poll() first; errc::not_connected: poll() connects.
  virtual Result<void> publish(Batch batch) = 0;
  // Works the connection for up to `wait`; what was heard of batches since the last call, in order.
  virtual std::vector<Delivery> poll(std::chrono::milliseconds wait) = 0;
  virtual HealthCheck health() const = 0;
  // Says goodbye: the last will is cancelled.
  virtual void close() = 0;
};

}  // namespace tributary::edge
