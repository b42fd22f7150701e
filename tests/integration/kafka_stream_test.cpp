#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/contract/stream_verbs.h"
#include "tests/integration/kafka_fixture.h"
#include "tests/support/services.h"
#include "tests/support/tcp_proxy.h"

namespace tributary::collector {
namespace {

using namespace stream_verbs;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

// Records of many keys, so that every partition has some.
void deliver_to_all(Producer& producer, std::size_t count) {
  const auto texts = numbered_events(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto sent = record(texts[i], i);
    sent.partition_key = texts[i];
    REQUIRE(producer.append(sent).has_value());
  }
  wait_until_durable(producer, count);
}

// Text that compression makes no smaller.
std::string random_text(std::size_t size) {
  std::mt19937 random(42);
  std::uniform_int_distribution<int> bytes(0, 255);
  std::string text(size, '\0');
  std::ranges::generate(text, [&] { return static_cast<char>(bytes(random)); });
  return text;
}

// A stream of one partition with ten records, whose group soon does without a member that says
// nothing.
std::unique_ptr<Stream> open_impatient(KafkaPlace& place) {
  place.options().cluster.partitions = 1;
  place.options().cluster.properties = {{"session.timeout.ms", "6000"},
                                        {"max.poll.interval.ms", "6000"}};
  auto stream = place.open();
  deliver(*stream->make_producer(), numbered_events(10));
  return stream;
}

// Settles, passing over failures that pass: before anything else is settled.
void settle_at_last(Consumer& consumer, const Batch& batch, const std::vector<Outcome>& outcomes) {
  REQUIRE(eventually([&] { return consumer.settle(batch, outcomes).has_value(); }));
}

// Receives until the batch has something, passing over failures that pass.
Batch receive_some(Consumer& consumer) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    auto batch = consumer.receive({}, 100ms);
    if (batch && !batch->empty()) return std::move(*batch);
  }
  FAIL("nothing was received");
  return {};
}

TEST_CASE("the totals are in the metadata of the group's commit, and go on from there") {
  KafkaPlace place;
  place.options().cluster.partitions = 1;
  {
    const auto stream = place.open();
    deliver(*stream->make_producer(), numbered_events(10));
    const auto consumer = stream->make_consumer();
    settle(*consumer, receive(*consumer, 10));
  }
  REQUIRE(place.committed(0).offset == 10);
  REQUIRE(place.committed(0).metadata ==
          "tributary/1 stored=10 duplicates=0 conflicts=0 rejected=0");
  const auto stream = place.open();
  deliver(*stream->make_producer(), {"eleventh"});
  const auto consumer = stream->make_consumer();
  settle(*consumer, receive(*consumer, 1), Outcome::Verdict::rejected);
  REQUIRE(place.committed(0).offset == 11);
  REQUIRE(place.committed(0).metadata ==
          "tributary/1 stored=10 duplicates=0 conflicts=0 rejected=1");
}

TEST_CASE("totals of a newer program are left alone, and said so") {
  KafkaPlace place;
  place.options().cluster.partitions = 1;
  REQUIRE(place.open() != nullptr);  // makes the topic
  place.commit(0, {.offset = 0, .metadata = "tributary/2 stored=none"});
  const auto stream = place.open_at_once();
  const auto consumer = stream->make_consumer();
  REQUIRE(eventually([&] {
    const auto batch = consumer->receive({}, 100ms);
    return !batch && batch.error() == errc::unknown_version;
  }));
  REQUIRE(!stream->health().up);
  REQUIRE(stream->health().detail.find("version 2") != std::string::npos);
  REQUIRE(eventually([&] {
    const auto account = stream->account();
    return !account && account.error() == errc::unknown_version;
  }));
  REQUIRE(place.committed(0).metadata == "tributary/2 stored=none");
}

TEST_CASE("totals begin anew after a commit of somebody else, with a note") {
  KafkaPlace place;
  place.options().cluster.partitions = 1;
  {
    const auto stream = place.open();
    deliver(*stream->make_producer(), numbered_events(10));
  }
  place.commit(0, {.offset = 4, .metadata = "by hand"});
  const auto stream = place.open();
  const auto consumer = stream->make_consumer();
  settle(*consumer, receive(*consumer, 6));
  expect_account(*stream, {.stored = 6}, 0);
  REQUIRE(stream->health().warning);
  REQUIRE(stream->health().detail.find("begin anew at offset 4") != std::string::npos);
}

TEST_CASE("consumers share the partitions, and each record is counted once when one goes") {
  constexpr std::size_t kRecords = 3000;
  KafkaPlace place;
  const auto stream = place.open();
  deliver_to_all(*stream->make_producer(), kRecords);

  struct Member {
    std::unique_ptr<Stream> stream;
    std::unique_ptr<Consumer> consumer;
    std::set<std::int32_t> partitions;
  };
  std::vector<Member> members(3);
  for (auto& member : members) {
    member.stream = place.open();
    member.consumer = member.stream->make_consumer();
  }
  // Each settles a part of what it gets, in small batches, until each has had a partition alone.
  const auto take_turns = [&](std::size_t most) {
    for (auto& member : members) {
      if (!member.consumer) continue;
      const auto batch = member.consumer->receive({.records = most, .bytes = 1U << 20}, 20ms);
      if (!batch || batch->empty()) continue;
      member.partitions.clear();
      for (const auto& span : batch->spans) member.partitions.insert(span.partition);
      const std::vector<Outcome> outcomes(batch->entries.size(), {Outcome::Verdict::stored, {}});
      settle_at_last(*member.consumer, *batch, outcomes);
    }
  };
  REQUIRE(eventually([&] {
    take_turns(1);
    return std::ranges::all_of(members,
                               [](const auto& member) { return member.partitions.size() == 1; });
  }));

  // One goes with a batch that it hasn't settled.
  auto& gone = members.front();
  auto unsettled = receive_some(*gone.consumer);
  gone.consumer.reset();
  gone.stream.reset();
  std::set<std::string> again;
  REQUIRE(eventually([&] {
    for (auto& member : members) {
      if (!member.consumer) continue;
      const auto batch = member.consumer->receive({}, 20ms);
      if (!batch || batch->empty()) continue;
      for (const auto& entry : batch->entries) again.emplace(entry.envelope.event);
      const std::vector<Outcome> outcomes(batch->entries.size(), {Outcome::Verdict::stored, {}});
      settle_at_last(*member.consumer, *batch, outcomes);
    }
    const auto account = stream->account();
    return account && account->lag == 0;
  }));
  for (const auto& entry : unsettled.entries) {
    REQUIRE(again.contains(std::string(entry.envelope.event)));
  }
  expect_account(*stream, {.stored = kRecords}, 0);
}

TEST_CASE("consumers that end while their group still makes up its mind end quietly") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  KafkaPlace place;
  const auto stream = place.open();
  std::atomic<int> consumers = 0;
  const auto come_and_go = [&](std::uint64_t own_seed) {
    std::mt19937_64 random(own_seed);
    const auto mine = place.open_at_once();
    for (int i = 0; i < 8; ++i, ++consumers) {
      const auto consumer = mine->make_consumer();
      static_cast<void>(consumer->receive({}, milliseconds(random() % 600)));
    }
  };
  {
    std::vector<std::jthread> members;
    for (std::uint64_t i = 0; i < 3; ++i) members.emplace_back(come_and_go, seed + i);
  }
  REQUIRE(consumers == 24);
}

TEST_CASE("what is settled after its partition went to another consumer commits nothing") {
  KafkaPlace place;
  const auto stream = open_impatient(place);
  const auto consumer = stream->make_consumer();
  const auto batch = receive_some(*consumer);

  const auto other_stream = place.open();
  const auto other = other_stream->make_consumer();
  const auto taken_over = receive_some(*other);  // once the silent one is out
  REQUIRE(taken_over.entries.size() == 10);
  const std::vector<Outcome> outcomes(batch.entries.size(), {Outcome::Verdict::conflict, {}});
  static_cast<void>(consumer->settle(batch, outcomes));
  REQUIRE(place.committed(0).offset < 0);
  settle_at_last(*other, taken_over, std::vector<Outcome>(10, {Outcome::Verdict::stored, {}}));
  expect_account(*stream, {.stored = 10}, 0);
}

TEST_CASE(
    "a batch can be held for longer than the poll interval, while the consumer says it lives") {
  KafkaPlace place;
  const auto stream = open_impatient(place);
  const auto consumer = stream->make_consumer();
  const auto batch = receive_some(*consumer);
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < 10s) {
    consumer->keep_alive();
    std::this_thread::sleep_for(500ms);
  }
  settle(*consumer, batch);
  REQUIRE(place.committed(0).offset == 10);
  deliver(*stream->make_producer(), {"next"});
  const auto next = receive_some(*consumer);
  REQUIRE(events({next}) == std::vector<std::string>{"next"});
  REQUIRE(next.spans.front().turn == batch.spans.front().turn);
}

TEST_CASE("records of others are received as they are") {
  KafkaPlace place;
  place.options().cluster.partitions = 1;
  place.make_topic(place.topic(), 1, {{"max.message.bytes", "4194304"}});
  const auto stream = place.open();
  const std::string large(2U << 20, 'x');
  place.produce({{.value = "no headers"},
                 {.value = std::nullopt},
                 {.value = large},
                 {.value = "garbage",
                  .headers = {{"received_at", "yesterday"},
                              {"log", "\xff\xfe"},
                              {"sequence", "-1"},
                              {"pipeline", ""},
                              {"", "nameless"},
                              {"edge", "first"},
                              {"edge", "last"}}}});
  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 4);
  REQUIRE(events(batches) == std::vector<std::string>{"no headers", "", large, "garbage"});
  const auto now = SystemClock().now().seconds;
  for (const auto& batch : batches) {
    for (const auto& entry : batch.entries) {
      REQUIRE(!entry.damaged);
      REQUIRE(std::abs(entry.envelope.received_at.seconds - now) < 600);
      REQUIRE(entry.envelope.log == Id{});
      REQUIRE(entry.envelope.sequence == Sequence{});
      if (entry.envelope.event == "garbage") REQUIRE(entry.envelope.edge == "last");
    }
  }
  settle(*consumer, batches, Outcome::Verdict::rejected);
  expect_account(*stream, {.rejected = 4}, 0);
}

TEST_CASE("what the topic can never take is too large, and a dead letter of it is cut") {
  KafkaPlace place;
  place.make_topic(place.topic(), 1, {{"max.message.bytes", "100000"}});
  place.make_topic(place.topic() + ".dead", 1, {{"max.message.bytes", "50000"}});
  const auto stream = place.open();
  const auto producer = stream->make_producer();
  const auto refused = producer->append(record(std::string(100'000, 'x')));
  REQUIRE(!refused.has_value());
  REQUIRE(refused.error() == errc::too_large);
  deliver(*producer, {std::string(99'000, 'x')});
  reject(*stream, {std::string(100'000, 'y')});
  const auto letters = stream->dead_letters(0, 10);
  REQUIRE(letters.has_value());
  REQUIRE(letters->size() == 1);
  REQUIRE(letters->front().event.size() < 50'000);
  REQUIRE(letters->front().event.size() > 20'000);
  REQUIRE(letters->front().detail.find("cut from 100000 bytes, SHA-256 ") != std::string::npos);
}

TEST_CASE("a limit that is lowered meanwhile is learnt from what fails") {
  KafkaPlace place;
  const auto stream = place.open();
  const auto producer = stream->make_producer();
  const auto text = random_text(50'000);
  deliver(*producer, {text});
  place.set_config("max.message.bytes", "20000");
  REQUIRE(eventually([&] {
    const auto result = producer->append(record(text));
    if (!result) {
      producer->poll(10ms);
      return result.error() == errc::too_large;
    }
    REQUIRE(eventually([&] { return !producer->poll(kMoment).empty(); }));
    return false;
  }));
  // Batches are no larger, either.
  const auto texts = numbered_events(2000);
  std::size_t durable = 0;
  std::vector<std::size_t> waiting(texts.size());
  for (std::size_t i = 0; i < waiting.size(); ++i) waiting[i] = i;
  REQUIRE(eventually([&] {
    while (!waiting.empty() && producer->append(record(texts[waiting.back()], waiting.back()))) {
      waiting.pop_back();
    }
    for (const auto& delivery : producer->poll(100ms)) {
      if (delivery.error) {
        waiting.push_back(delivery.token);
      } else {
        ++durable;
      }
    }
    return durable == texts.size();
  }));
}

TEST_CASE("records that the retention took before the group came to them count as lost") {
  KafkaPlace place;
  place.options().cluster.partitions = 1;
  const auto stream = place.open();
  deliver(*stream->make_producer(), numbered_events(10));
  {
    const auto consumer = stream->make_consumer();
    settle(*consumer, receive(*consumer, 2, {.records = 2, .bytes = 1U << 20}));
  }
  place.delete_records(0, 7);
  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 8);  // missing ones among them
  REQUIRE(batches.front().missing.size() == 1);
  REQUIRE(batches.front().missing.front().first == 2);
  REQUIRE(batches.front().missing.front().last == 6);
  REQUIRE(events(batches) == std::vector<std::string>{"record 7", "record 8", "record 9"});
  settle(*consumer, batches);
  expect_account(*stream, {.stored = 5, .rejected = 5}, 0);
}

TEST_CASE("a consumer whose position is taken from under it counts what it lost") {
  KafkaPlace place;
  place.options().cluster.partitions = 1;
  const auto stream = place.open();
  const auto producer = stream->make_producer();
  const auto consumer = stream->make_consumer();
  deliver(*producer, {"first"});
  settle(*consumer, receive_some(*consumer));
  // More than is fetched ahead.
  const std::vector<std::string> large(60, std::string(900'000, 'x'));
  deliver(*producer, large);
  place.delete_records(0, 61);
  deliver(*producer, {"last"});
  std::uint64_t stored = 1;
  std::uint64_t lost = 0;
  REQUIRE(eventually([&] {
    const auto batch = consumer->receive({}, 100ms);
    if (!batch || batch->empty()) return false;
    stored += batch->entries.size();
    for (const auto& span : batch->missing) lost += span.count();
    settle(*consumer, *batch);
    return stored + lost == 62;
  }));
  REQUIRE(lost > 0);
  expect_account(*stream, {.stored = stored, .rejected = lost}, 0);
}

TEST_CASE("a topic that is deleted is made anew, and the stream goes on") {
  KafkaPlace place;
  const auto stream = place.open();
  const auto producer = stream->make_producer();
  const auto consumer = stream->make_consumer();
  deliver(*producer, {"before"});
  settle(*consumer, receive_some(*consumer));
  place.delete_topic(place.topic());
  bool is_durable = false;
  REQUIRE(eventually([&] {
    static_cast<void>(consumer->receive({}, 20ms));
    if (!producer->append(record("after"))) return false;
    for (int tries = 0; tries < 500; ++tries) {
      const auto deliveries = producer->poll(10ms);
      if (deliveries.empty()) continue;
      is_durable = !deliveries.front().error;
      break;
    }
    return is_durable;
  }));
  REQUIRE(events({receive_some(*consumer)}) == std::vector<std::string>{"after"});
}

TEST_CASE("every process sees the same account, whoever settles") {
  KafkaPlace place;
  const auto stream = place.open();
  const auto other = place.open();
  deliver_to_all(*stream->make_producer(), 100);
  reject(*other, {"bad", "worse"});
  const auto consumer = stream->make_consumer();
  settle(*consumer, receive(*consumer, 100));
  expect_account(*stream, {.stored = 100, .rejected = 2}, 0);
  expect_account(*other, {.stored = 100, .rejected = 2}, 0);
}

TEST_CASE("the account's records never go down while a group settles") {
  KafkaPlace place;
  const auto stream = place.open();
  const auto producer = stream->make_producer();
  const auto consumer = stream->make_consumer();
  std::uint64_t records = 0;
  for (std::size_t round = 1; round <= 10; ++round) {
    deliver_to_all(*producer, 50);
    std::uint64_t settled = 0;
    while (settled < 50) {
      const auto batch = receive_some(*consumer);
      settle(*consumer, batch);
      settled += batch.entries.size();
      const auto account = balanced_account(*stream);
      REQUIRE(account.records >= records);
      records = account.records;
    }
  }
  expect_account(*stream, {.stored = 500}, 0);
}

TEST_CASE("dead letters come by the page, and the count of those of ingest outlives them") {
  KafkaPlace place;
  const auto texts = numbered_events(50);
  {
    const auto stream = place.open();
    reject(*stream, texts);
    std::vector<std::string> listed;
    for (std::uint64_t after = 0;;) {
      const auto page = stream->dead_letters(after, 16);
      REQUIRE(page.has_value());
      for (const auto& letter : *page) listed.push_back(letter.event);
      if (page->size() < 16) break;
      after = page->back().sequence;
    }
    REQUIRE(listed == texts);
    REQUIRE(stream->dead_letters(50, 16)->empty());
    REQUIRE(stream->dead_letters(5000, 16)->empty());
    expect_account(*stream, {.rejected = 50}, 0);
  }
  const auto stream = place.open();
  reject(*stream, {"one more"});
  expect_account(*stream, {.rejected = 51}, 0);
}

TEST_CASE("while Kafka is away everything answers at once, and goes on once it is there") {
  const auto brokers = kafka_address();
  TcpProxy proxy(static_cast<std::uint16_t>(std::stoi(brokers.substr(brokers.rfind(':') + 1))));
  proxy.stall(true);
  KafkaPlace place;
  place.options().cluster.brokers = "127.0.0.1:" + std::to_string(proxy.port());
  const auto stream = place.open_at_once();
  const auto producer = stream->make_producer();
  const auto consumer = stream->make_consumer();
  REQUIRE(eventually([&] { return !stream->health().up; }));
  REQUIRE(stream->health().detail.find(place.options().cluster.brokers) != std::string::npos);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    REQUIRE(stream->account().error() == errc::unavailable);
    REQUIRE(stream->dead_letters(0, 10).error() == errc::unavailable);
    REQUIRE(producer->append(record("early")).error() == errc::queue_full);
    REQUIRE(!consumer->receive({}, kMoment).has_value());
  }
  REQUIRE(std::chrono::steady_clock::now() - begin < 3s);

  proxy.stall(false);
  REQUIRE(eventually([&] { return producer->append(record("taken")).has_value(); }));
  wait_until_durable(*producer, 1);
  REQUIRE(events({receive_some(*consumer)}) == std::vector<std::string>{"taken"});
  REQUIRE(eventually([&] { return stream->health().up; }));
}

}  // namespace
}  // namespace tributary::collector
