#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "edge/publish/publisher.h"
#include "shared/base/backoff.h"
#include "shared/base/id.h"
#include "shared/base/sequence.h"
#include "shared/mqtt/correlation.h"

namespace tributary::edge {

struct ReceiptOptions {
  bool receipts = true;  // false: a PUBACK with reason 0x00 is enough
  std::uint64_t boot_nonce = 0;
  std::size_t window = 16;  // batches in flight …
  std::size_t puback_window =
      4;  // … and of these, without a PUBACK: libmosquitto has copies of them
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds timeout_max{60'000};
  std::chrono::milliseconds refused_wait_min{200};
  std::chrono::milliseconds refused_wait_max{5'000};
};

// What became of the batches that were sent: which are in flight, which have to go again and when,
// and when the next one may go. Pure logic: no connection, no clock of its own (`now` is any
// monotonic time). One thread.
//
// A batch is in flight from sent() to its receipt (or to its PUBACK, without receipts). It is lost
//   - when the connection ends;
//   - when its PUBACK has the reason 0x10 (nobody subscribed) or an error: then nothing goes for a
//     while, and one batch at a time until a PUBACK is good again;
//   - when, on a live connection, it is the oldest, its PUBACK came, and no receipt for `timeout`:
//     then it alone goes again, as a probe. Batches go through broker and collector in order, so
//     the probe's receipt means that receipts for what was sent before it should have come: what
//     has none shortly after is lost too. Until then at most one batch goes at a time, and each
//     probe without an answer doubles the timeout.
class ReceiptTracker {
 public:
  using Time = std::chrono::nanoseconds;

  explicit ReceiptTracker(const ReceiptOptions& options);

  [[nodiscard]] bool ready(Time now) const;
  // The broker's Receive Maximum: it bounds the batches without a PUBACK as well.
  void limit_window(std::uint64_t most) { broker_window_ = most; }

  void sent(const Id& log, SequenceRange range, int packet);
  // Packets that are not of a batch in flight are none of its business.
  void puback(int packet, std::uint8_t reason, Time now);
  // Receipts for ranges that this process has published are good, in flight or not; others (of an
  // earlier process, of a log it doesn't know) are ignored and counted.
  void receipt(const Correlation& correlation, std::uint64_t rejected, Time now);
  void disconnected();
  // Call it when next_due() has passed, or more often.
  void tick(Time now);
  [[nodiscard]] std::optional<Time> next_due(Time now) const;

  // What was found since the last call, in order.
  std::vector<Delivery> take_deliveries();

  // How long the broker may hold a batch for the collector: as long as we wait for its receipt.
  [[nodiscard]] std::chrono::milliseconds expiry() const { return timeout_; }
  [[nodiscard]] std::size_t in_flight() const { return flights_.size(); }
  [[nodiscard]] std::uint64_t foreign_receipts() const { return foreign_receipts_; }
  // Why batches don't get through at the moment, in words; empty when they do.
  [[nodiscard]] std::string trouble() const;

 private:
  struct Flight {
    Id log;
    SequenceRange range;
    int packet = 0;
    std::uint64_t order = 0;  // of sending
    std::optional<Time> puback_at;
    std::optional<Time> lost_at;  // unless a receipt comes before
  };

  struct Silence {
    std::uint64_t order = 0;
    Time since{};
  };

  void lose(std::deque<Flight>::iterator flight);
  void refused(std::uint8_t reason, Time now);
  void answered(std::uint64_t order, Time now);
  [[nodiscard]] std::size_t without_puback() const;
  [[nodiscard]] std::optional<Silence> silence() const;

  const ReceiptOptions options_;
  std::deque<Flight> flights_;           // by order
  std::map<Id, Sequence> sent_through_;  // per log: the highest sequence published
  std::vector<Delivery> deliveries_;
  std::uint64_t broker_window_ = 65'535;
  std::uint64_t next_order_ = 1;
  std::optional<std::uint64_t> probe_order_;  // probing: batches from this order on are probes
  std::chrono::milliseconds timeout_;
  Time oldest_since_{};      // when the first of flights_ became it
  bool unanswered_ = false;  // a batch was overdue, and none was answered since
  Backoff refused_wait_;
  Time refused_until_{};
  std::uint8_t refused_reason_ = 0;  // 0: the last PUBACK was good
  std::uint64_t foreign_receipts_ = 0;
};

}  // namespace tributary::edge
