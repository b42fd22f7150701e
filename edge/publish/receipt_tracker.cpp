#include "edge/publish/receipt_tracker.h"

#include <algorithm>
#include <utility>

namespace tributary::edge {
namespace {

// MQTT 5, 2.4: reason codes of a PUBACK.
constexpr std::uint8_t kSuccess = 0x00;
constexpr std::uint8_t kNoMatchingSubscribers = 0x10;
constexpr std::uint8_t kNotAuthorized = 0x87;
constexpr std::uint8_t kTopicNameInvalid = 0x90;
constexpr std::uint8_t kQuotaExceeded = 0x97;

// Between the probe's receipt and those for batches before it that were only slow.
constexpr std::chrono::seconds kGrace{1};

std::string in_words(std::uint8_t reason) {
  switch (reason) {
    case kNoMatchingSubscribers:
      return "nobody is subscribed to tributary/+/events/+: is the collector running?";
    case kNotAuthorized:
      return "the broker doesn't allow this edge to publish (reason 0x87, not authorized)";
    case kTopicNameInvalid:
      return "the broker refuses the topic (reason 0x90)";
    case kQuotaExceeded:
      return "the broker's quota is used up (reason 0x97)";
    default: {
      constexpr std::string_view kHex = "0123456789abcdef";
      return std::string("the broker refuses what is published (reason 0x") + kHex[reason >> 4U] +
             kHex[reason & 0xFU] + ")";
    }
  }
}

bool within(SequenceRange inner, SequenceRange outer) {
  return outer.first <= inner.first && inner.last <= outer.last;
}

}  // namespace

ReceiptTracker::ReceiptTracker(const ReceiptOptions& options)
    : options_(options),
      timeout_(options.timeout),
      refused_wait_(options.refused_wait_min, options.refused_wait_max) {}

bool ReceiptTracker::ready(Time now) const {
  const auto unconfirmed = without_puback();
  if (refused_reason_ != kSuccess && (now < refused_until_ || unconfirmed != 0)) return false;
  if (probe_order_) return flights_.empty() || flights_.back().order < *probe_order_;
  return flights_.size() < options_.window &&
         unconfirmed < std::min<std::uint64_t>(options_.puback_window, broker_window_);
}

std::size_t ReceiptTracker::without_puback() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(flights_, [](const Flight& flight) { return !flight.puback_at; }));
}

void ReceiptTracker::sent(const Id& log, SequenceRange range, int packet) {
  flights_.push_back({.log = log,
                      .range = range,
                      .packet = packet,
                      .order = next_order_++,
                      .puback_at = {},
                      .lost_at = {}});
  auto& through = sent_through_[log];
  through = std::max(through, range.last);
}

void ReceiptTracker::puback(int packet, std::uint8_t reason, Time now) {
  const auto flight = std::ranges::find_if(
      flights_, [&](const Flight& each) { return each.packet == packet && !each.puback_at; });
  if (flight == flights_.end()) return;
  if (reason == kNoMatchingSubscribers || reason >= 0x80) {
    refused(reason, now);
    lose(flight);
    return;
  }
  refused_reason_ = kSuccess;
  refused_wait_.reset();
  flight->puback_at = now;
  if (options_.receipts) return;
  deliveries_.push_back({Delivery::Verdict::durable, flight->log, flight->range, 0});
  flights_.erase(flight);
}

// One wait for all batches that were in flight together.
void ReceiptTracker::refused(std::uint8_t reason, Time now) {
  const bool waiting = refused_reason_ != kSuccess && now < refused_until_;
  refused_reason_ = reason;
  if (!waiting) refused_until_ = now + refused_wait_.next();
}

void ReceiptTracker::receipt(const Correlation& correlation, std::uint64_t rejected, Time now) {
  const auto& log = correlation.log;
  const auto range = correlation.range;
  const auto through = sent_through_.find(log);
  if (correlation.boot_nonce != options_.boot_nonce || through == sent_through_.end() ||
      range.first.value == 0 || range.last < range.first || range.last > through->second) {
    ++foreign_receipts_;
    return;
  }
  deliveries_.push_back({Delivery::Verdict::durable, log, range, rejected});
  std::uint64_t newest = 0;
  const auto oldest = flights_.empty() ? 0 : flights_.front().order;
  std::erase_if(flights_, [&](const Flight& flight) {
    if (flight.log != log || !within(flight.range, range)) return false;
    newest = std::max(newest, flight.order);
    return true;
  });
  if (!flights_.empty() && flights_.front().order != oldest) oldest_since_ = now;
  if (newest != 0) answered(newest, now);
}

void ReceiptTracker::answered(std::uint64_t order, Time now) {
  timeout_ = options_.timeout;
  unanswered_ = false;
  if (!probe_order_ || order < *probe_order_) return;
  for (auto& flight : flights_) {
    if (flight.order < *probe_order_ && !flight.lost_at) flight.lost_at = now + kGrace;
  }
  probe_order_.reset();
}

void ReceiptTracker::disconnected() {
  while (!flights_.empty()) lose(flights_.begin());
  probe_order_.reset();
  timeout_ = options_.timeout;
  unanswered_ = false;
}

void ReceiptTracker::lose(std::deque<Flight>::iterator flight) {
  deliveries_.push_back({Delivery::Verdict::lost, flight->log, flight->range, 0});
  flights_.erase(flight);
}

// The batch whose silence is measured: while probing the probe; else the oldest, since it is the
// oldest (those before it were answered first), also when what was to be the probe never went,
// because a late receipt came for it or the log has it no more.
std::optional<ReceiptTracker::Silence> ReceiptTracker::silence() const {
  if (!options_.receipts || flights_.empty()) return std::nullopt;
  const bool probe_went = probe_order_ && flights_.back().order >= *probe_order_;
  const auto& flight = probe_went ? flights_.back() : flights_.front();
  if (!flight.puback_at || flight.lost_at) return std::nullopt;
  if (probe_went) return Silence{flight.order, *flight.puback_at};
  return Silence{flight.order, std::max(*flight.puback_at, oldest_since_)};
}

void ReceiptTracker::tick(Time now) {
  const auto overdue = [&](const Flight& flight) {
    return flight.lost_at && now >= *flight.lost_at;
  };
  for (auto lost = std::ranges::find_if(flights_, overdue); lost != flights_.end();
       lost = std::ranges::find_if(flights_, overdue)) {
    lose(lost);
  }
  const auto silent = silence();
  if (!silent || now - silent->since < timeout_) return;
  unanswered_ = true;
  if (probe_order_) timeout_ = std::min(2 * timeout_, options_.timeout_max);
  probe_order_ = next_order_;
  oldest_since_ = now;
  lose(std::ranges::find(flights_, silent->order, &Flight::order));
}

std::optional<ReceiptTracker::Time> ReceiptTracker::next_due(Time now) const {
  std::optional<Time> due;
  const auto sooner = [&](Time time) { due = due ? std::min(*due, time) : time; };
  for (const auto& flight : flights_) {
    if (flight.lost_at) sooner(*flight.lost_at);
  }
  if (const auto silent = silence()) sooner(silent->since + timeout_);
  if (refused_reason_ != kSuccess && now < refused_until_ && without_puback() == 0) {
    sooner(refused_until_);
  }
  return due;
}

std::vector<Delivery> ReceiptTracker::take_deliveries() { return std::exchange(deliveries_, {}); }

std::string ReceiptTracker::trouble() const {
  if (refused_reason_ != kSuccess) return in_words(refused_reason_);
  if (!unanswered_) return {};
  return "the broker takes batches, but no receipts come: is the collector running?";
}

}  // namespace tributary::edge
