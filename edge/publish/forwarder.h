#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "edge/publish/outbox.h"
#include "edge/publish/publisher.h"
#include "shared/base/clock.h"
#include "shared/base/pulse.h"

namespace tributary::edge {

// Works the outboxes of all pipelines and their one publisher. It belongs to the publishing thread;
// wake() is for any thread.
class Forwarder {
 public:
  // Outboxes and publisher outlive it.
  Forwarder(std::vector<Outbox*> outboxes, Publisher& publisher, const Clock& clock);

  // One round: publish what goes, wait up to `wait` for words on it, release what is durable.
  // `flush`: without waiting for fuller batches.
  void round(std::chrono::milliseconds wait, bool flush);
  // Rounds until a stop.
  void run(const std::stop_token& stop);
  // After it: rounds until everything is delivered, the publisher isn't up or `drain` is over; then
  // says goodbye. What is left stays in the logs.
  void finish(std::chrono::milliseconds drain);
  // Something was committed.
  void wake() { publisher_.wake(); }

  [[nodiscard]] bool empty() const;
  // For how long the present round has lasted. Any thread.
  [[nodiscard]] std::chrono::nanoseconds busy() const { return pulse_.busy(); }

 private:
  void publish(bool flush);
  void settle(const std::vector<Delivery>& deliveries);
  [[nodiscard]] std::chrono::milliseconds until_due(std::chrono::milliseconds wait) const;

  const std::vector<Outbox*> outboxes_;
  Publisher& publisher_;
  const Clock& clock_;
  Pulse pulse_{clock_};
};

}  // namespace tributary::edge
