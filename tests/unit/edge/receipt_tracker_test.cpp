#include "edge/publish/receipt_tracker.h"

#include <catch2/catch.hpp>

using namespace tributary;
using namespace tributary::edge;
using namespace std::chrono_literals;

namespace {

using Verdict = Delivery::Verdict;

constexpr std::uint64_t kNonce = 42;
const Id kLog = Id::random();

SequenceRange range(std::uint64_t first, std::uint64_t last) { return {{first}, {last}}; }

// A tracker with a time, whose batches are of ten records each: batch 1 is 1–10, batch 2 is 11–20 …
struct Story {
  explicit Story(ReceiptOptions options = {}) : tracker(with_nonce(options)) {}

  static ReceiptOptions with_nonce(ReceiptOptions options) {
    options.boot_nonce = kNonce;
    return options;
  }
  static SequenceRange batch(std::uint64_t number) { return range(10 * number - 9, 10 * number); }

  void send(std::uint64_t number, int packet) {
    REQUIRE(tracker.ready(now));
    tracker.sent(kLog, batch(number), packet);
  }
  // Sent, and taken by the broker.
  void pass(std::uint64_t number, int packet) {
    send(number, packet);
    tracker.puback(packet, 0x00, now);
  }
  void receipt(std::uint64_t number) {
    tracker.receipt({.log = kLog, .boot_nonce = kNonce, .range = batch(number)}, 0, now);
  }
  void wait(ReceiptTracker::Time time) {
    now += time;
    tracker.tick(now);
  }
  std::vector<std::uint64_t> told(Verdict verdict) {
    std::vector<std::uint64_t> numbers;
    for (const auto& delivery : tracker.take_deliveries()) {
      REQUIRE(delivery.log == kLog);
      REQUIRE(delivery.verdict == verdict);
      numbers.push_back(delivery.range.last.value / 10);
    }
    return numbers;
  }

  ReceiptTracker::Time now = 1000s;
  ReceiptTracker tracker;
};

using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a batch is durable at its receipt, not at its PUBACK") {
  Story story;
  story.pass(1, 1);
  REQUIRE(story.told(Verdict::durable).empty());
  story.tracker.receipt({.log = kLog, .boot_nonce = kNonce, .range = range(1, 10)}, 3, story.now);
  const auto deliveries = story.tracker.take_deliveries();
  REQUIRE(deliveries.size() == 1);
  REQUIRE(deliveries[0].verdict == Verdict::durable);
  REQUIRE(deliveries[0].rejected == 3);
  REQUIRE(story.tracker.in_flight() == 0);
}

TEST_CASE("without receipts a batch is durable at a PUBACK with reason 0x00 only") {
  Story story({.receipts = false});
  story.pass(1, 1);
  REQUIRE(story.told(Verdict::durable) == Numbers{1});
  story.send(2, 2);
  story.tracker.puback(2, 0x10, story.now);
  REQUIRE(story.told(Verdict::lost) == Numbers{2});
}

TEST_CASE("no more batches go than the window and the broker's Receive Maximum allow") {
  Story story({.window = 4, .puback_window = 3});
  story.send(1, 1);
  story.send(2, 2);
  REQUIRE(story.tracker.ready(story.now));
  story.tracker.limit_window(2);
  REQUIRE_FALSE(story.tracker.ready(story.now));
  story.tracker.limit_window(65'535);
  story.send(3, 3);
  REQUIRE_FALSE(story.tracker.ready(story.now));  // three without a PUBACK
  for (const int packet : {1, 2, 3}) story.tracker.puback(packet, 0x00, story.now);
  story.pass(4, 4);
  REQUIRE_FALSE(story.tracker.ready(story.now));  // four without a receipt
  story.receipt(2);
  REQUIRE(story.tracker.ready(story.now));
}

TEST_CASE("all batches in flight are lost with the connection, in order") {
  Story story;
  story.pass(1, 1);
  story.pass(2, 2);
  story.send(3, 3);
  story.tracker.disconnected();
  REQUIRE(story.told(Verdict::lost) == Numbers{1, 2, 3});
  REQUIRE(story.tracker.ready(story.now));
}

TEST_CASE("a receipt for bounds of an earlier connection is good") {
  Story story;
  story.pass(1, 1);
  story.pass(2, 2);
  story.tracker.disconnected();
  story.tracker.take_deliveries();
  story.tracker.sent(kLog, range(1, 20), 7);
  story.receipt(1);
  REQUIRE(story.told(Verdict::durable) == Numbers{1});
  REQUIRE(story.tracker.in_flight() == 1);
  REQUIRE(story.tracker.foreign_receipts() == 0);
}

TEST_CASE(
    "receipts of another start, of another log, or for what was never sent are ignored and "
    "counted") {
  Story story;
  story.pass(1, 1);
  const auto hear = [&](Id log, std::uint64_t nonce, SequenceRange of) {
    story.tracker.receipt({.log = log, .boot_nonce = nonce, .range = of}, 0, story.now);
  };
  hear(kLog, kNonce + 1, range(1, 10));
  hear(Id::random(), kNonce, range(1, 10));
  hear(kLog, kNonce, range(1, 11));
  hear(kLog, kNonce, range(0, 10));
  hear(kLog, kNonce, range(10, 1));
  REQUIRE(story.tracker.take_deliveries().empty());
  REQUIRE(story.tracker.foreign_receipts() == 5);
  REQUIRE(story.tracker.in_flight() == 1);
}

TEST_CASE("when receipts stay away only the oldest batch goes again, after its PUBACK") {
  Story story;
  story.send(1, 1);
  story.pass(2, 2);
  story.wait(60s);
  REQUIRE(story.told(Verdict::lost).empty());  // no PUBACK: TCP still has it
  story.tracker.puback(1, 0x00, story.now);
  story.wait(9'999ms);
  REQUIRE(story.told(Verdict::lost).empty());
  REQUIRE(story.tracker.next_due(story.now) == story.now + 1ms);
  story.wait(1ms);
  REQUIRE(story.told(Verdict::lost) == Numbers{1});
  REQUIRE_FALSE(story.tracker.trouble().empty());
}

TEST_CASE("the probe goes alone, and each that has no answer doubles the timeout up to a minute") {
  Story story({.window = 2});
  story.pass(1, 1);
  story.pass(2, 2);
  int packet = 3;
  for (const auto timeout : {10s, 10s, 20s, 40s, 60s, 60s}) {
    story.wait(timeout - 1s);
    REQUIRE(story.told(Verdict::lost).empty());
    story.wait(1s);
    REQUIRE(story.told(Verdict::lost) == Numbers{1});
    story.pass(1, packet++);
    REQUIRE(story.tracker.expiry() <= 60s);
    REQUIRE_FALSE(story.tracker.ready(story.now));
  }
}

TEST_CASE("the probe's receipt frees the rest: what has no receipt a second later is lost") {
  Story story;
  for (int i = 1; i <= 4; ++i) story.pass(static_cast<std::uint64_t>(i), i);
  story.wait(10s);
  REQUIRE(story.told(Verdict::lost) == Numbers{1});
  story.pass(1, 5);
  story.receipt(1);
  REQUIRE(story.told(Verdict::durable) == Numbers{1});
  REQUIRE(story.tracker.trouble().empty());
  story.receipt(3);  // it was only slow
  REQUIRE(story.told(Verdict::durable) == Numbers{3});
  story.pass(5, 6);  // sent after the probe: its receipt is not late
  story.wait(1s);
  REQUIRE(story.told(Verdict::lost) == Numbers{2, 4});
  REQUIRE(story.tracker.in_flight() == 1);
}

TEST_CASE("when what was to be the probe need not go any more the next oldest is the probe") {
  Story story;
  for (int number = 1; number <= 3; ++number)
    story.pass(static_cast<std::uint64_t>(number), number);
  story.wait(10s);
  REQUIRE(story.told(Verdict::lost) == Numbers{1});  // it is to be the probe …
  story.receipt(1);                                  // … and then its receipt comes
  REQUIRE(story.told(Verdict::durable) == Numbers{1});
  REQUIRE(story.tracker.next_due(story.now) == story.now + 10s);
  story.wait(10s);
  REQUIRE(story.told(Verdict::lost) == Numbers{2});
  story.pass(2, 4);
  story.receipt(2);
  REQUIRE(story.told(Verdict::durable) == Numbers{2});
  story.wait(1s);
  REQUIRE(story.told(Verdict::lost) == Numbers{3});
}

TEST_CASE("a single receipt that got lost brings its batch back while others go on") {
  Story story;
  story.pass(1, 1);
  Numbers lost;
  for (std::uint64_t number = 2; number < 14; ++number) {
    story.pass(number, static_cast<int>(number));
    story.wait(1s);
    story.receipt(number);
    for (const auto& delivery : story.tracker.take_deliveries()) {
      if (delivery.verdict == Verdict::lost) lost.push_back(delivery.range.last.value / 10);
    }
  }
  REQUIRE(lost == Numbers{1});
}

TEST_CASE("a slow collector that answers in order gets no probe") {
  Story story;
  for (int i = 1; i <= 10; ++i) story.pass(static_cast<std::uint64_t>(i), i);
  for (std::uint64_t number = 1; number <= 10; ++number) {
    story.wait(9s);
    story.receipt(number);
    REQUIRE(story.told(Verdict::durable) == Numbers{number});
  }
}

TEST_CASE("without a subscriber batches are lost, one goes at a time, and words say why") {
  Story story;
  story.send(1, 1);
  story.send(2, 2);
  story.tracker.puback(1, 0x10, story.now);
  story.tracker.puback(2, 0x10, story.now);
  REQUIRE(story.told(Verdict::lost) == Numbers{1, 2});
  REQUIRE(story.tracker.trouble().find("nobody is subscribed to tributary/+/events/+") !=
          std::string::npos);
  REQUIRE_FALSE(story.tracker.ready(story.now));
  story.now = *story.tracker.next_due(story.now);
  REQUIRE(story.tracker.ready(story.now));
  story.send(1, 3);
  REQUIRE_FALSE(story.tracker.ready(story.now));
  story.tracker.puback(3, 0x00, story.now);
  REQUIRE(story.tracker.ready(story.now));
  REQUIRE(story.tracker.trouble().empty());
}

TEST_CASE(
    "a batch that the broker refuses goes again after a wait that grows, five seconds at most") {
  Story story;
  ReceiptTracker::Time longest = 0s;
  for (int i = 1; i < 30; ++i) {
    story.send(1, i);
    story.tracker.puback(i, 0x87, story.now);
    REQUIRE(story.told(Verdict::lost) == Numbers{1});
    REQUIRE(story.tracker.trouble().find("0x87") != std::string::npos);
    const auto due = *story.tracker.next_due(story.now);
    longest = std::max(longest, due - story.now);
    REQUIRE(due - story.now <= 5s);
    story.now = due;
  }
  REQUIRE(longest > 1s);
}

TEST_CASE("a probe that is refused while others wait for receipts is tried again") {
  Story story;
  story.pass(1, 1);
  story.pass(2, 2);
  story.wait(10s);
  REQUIRE(story.told(Verdict::lost) == Numbers{1});
  story.send(1, 3);
  story.tracker.puback(3, 0x10, story.now);
  REQUIRE(story.told(Verdict::lost) == Numbers{1});
  story.now = *story.tracker.next_due(story.now);
  story.pass(1, 4);
  story.receipt(1);
  story.wait(1s);
  const auto deliveries = story.tracker.take_deliveries();
  REQUIRE(deliveries.size() == 2);
  REQUIRE(deliveries[1].range == Story::batch(2));
}

TEST_CASE("once the wait after a refusal is over nothing is due until a batch goes") {
  Story story;
  story.send(1, 1);
  story.tracker.puback(1, 0x10, story.now);
  story.now = *story.tracker.next_due(story.now);
  REQUIRE_FALSE(story.tracker.next_due(story.now));
  REQUIRE(story.tracker.ready(story.now));
}

TEST_CASE("a PUBACK for a packet that is no batch in flight changes nothing") {
  Story story;
  story.send(1, 1);
  story.tracker.puback(9, 0x00, story.now);
  story.tracker.puback(9, 0x87, story.now);
  REQUIRE(story.tracker.take_deliveries().empty());
  REQUIRE(story.tracker.trouble().empty());
}
