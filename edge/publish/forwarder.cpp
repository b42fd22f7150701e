#include "edge/publish/forwarder.h"

#include <algorithm>
#include <utility>

namespace tributary::edge {

using std::chrono::ceil;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

namespace {

constexpr auto kTroublePatience = 1s;

}  // namespace

Forwarder::Forwarder(std::vector<Outbox*> outboxes, Publisher& publisher, const Clock& clock)
    : outboxes_(std::move(outboxes)), publisher_(publisher), clock_(clock) {}

void Forwarder::round(milliseconds wait, bool flush) {
  const Pulse::Round round(pulse_);
  publish(flush);
  settle(publisher_.poll(until_due(wait)));
  for (auto* outbox : outboxes_) outbox->release(false);
}

// One batch of each pipeline in turn, so that none waits for another's backlog; what was lost goes
// before anything new.
void Forwarder::publish(bool flush) {
  bool published = true;
  while (published) {
    published = false;
    for (auto* outbox : outboxes_) {
      if (outbox->has_lost()) published = outbox->publish_one(publisher_, flush) || published;
    }
    if (published) continue;
    for (auto* outbox : outboxes_) {
      published = outbox->publish_one(publisher_, flush) || published;
    }
  }
}

void Forwarder::settle(const std::vector<Delivery>& deliveries) {
  for (const auto& delivery : deliveries) {
    for (auto* outbox : outboxes_) {
      if (outbox->log() == delivery.log) outbox->settle(delivery);
    }
  }
}

milliseconds Forwarder::until_due(milliseconds wait) const {
  const auto now = clock_.monotonic();
  for (const auto* outbox : outboxes_) {
    if (const auto due = outbox->next_due()) wait = std::min(wait, ceil<milliseconds>(*due - now));
  }
  return std::max(wait, 0ms);
}

void Forwarder::run(const std::stop_token& stop) {
  const std::stop_callback wake_up(stop, [this] { publisher_.wake(); });
  while (!stop.stop_requested()) round(1s, false);
}

void Forwarder::finish(milliseconds drain) {
  auto now = clock_.monotonic();
  const auto deadline = now + drain;
  auto up_at = now;
  // A connection that was lost a moment ago may come back; with nobody there it is no use to wait.
  while (!empty() && now < deadline && now - up_at < kTroublePatience) {
    round(50ms, true);
    now = clock_.monotonic();
    if (publisher_.health().up) up_at = now;
  }
  for (auto* outbox : outboxes_) outbox->release(true);
  publisher_.close();
}

bool Forwarder::empty() const {
  return std::ranges::all_of(outboxes_, [](const Outbox* outbox) { return outbox->empty(); });
}

}  // namespace tributary::edge
