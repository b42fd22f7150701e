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

// The word of the peer on a batch. A range may be told of again, or with other bounds than it was
// last published with: an answer to an earlier try counts as well.
struct Delivery {
  enum class Verdict : std::uint8_t {
    durable,  // the collector has it in its stream or its dead letters (or, in PUBACK mode, the
              // broker has it)
    lost,     // it has to be sent again: refused, without a subscriber, expired, or the connection
              // went
  };
  Verdict verdict = Verdict::lost;
  Id log;
  SequenceRange range;
  std::uint64_t rejected =
      0;  // lines that the collector found invalid and put among its dead letters
};

// Carries batches to the collector. It keeps no payloads: what is lost is read from the log and
// published again. The publishing thread alone calls it, except health() and wake().
class Publisher {
 public:
  virtual ~Publisher() = default;
  // Whether it would take a batch now: saves reading one that must wait.
  virtual bool ready() const = 0;
  // errc::window_full: poll() first; errc::not_connected: poll() connects. errc::too_large: the
  // peer takes no batch of this size.
  virtual Result<void> publish(Batch batch) = 0;
  // Works the connection for up to `wait`; what was heard of batches since the last call, in order.
  virtual std::vector<Delivery> poll(std::chrono::milliseconds wait) = 0;
  // Ends poll()'s wait. Any thread.
  virtual void wake() = 0;
  // Any thread.
  virtual HealthCheck health() const = 0;
  // Says goodbye: the last will is cancelled.
  virtual void close() = 0;
};

}  // namespace tributary::edge
