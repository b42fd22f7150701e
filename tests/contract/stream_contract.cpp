#include "tests/contract/stream_contract.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "collector/stream/replay_marks.h"
#include "tests/contract/stream_verbs.h"

namespace tributary::collector {
namespace {

using namespace stream_verbs;
using Verdict = Outcome::Verdict;
using std::chrono::milliseconds;

TEST_CASE("what is delivered is received in order, with every field of its envelope") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  const auto producer = stream->make_producer();
  Envelope sent;
  sent.received_at = {.seconds = 1'700'000'000, .nanoseconds = 123'456'789};
  sent.pipeline = "telemetry";
  sent.schema = "telemetry@0123456789abcdef";
  sent.source = "mqtt";
  sent.edge = "gateway-7";
  sent.log = Id::random();
  sent.sequence = {42};
  sent.replayed = "sensor-events.dead/0/7";
  sent.event = R"({"temperature": 21.5})";
  REQUIRE(producer->append({.envelope = sent, .partition_key = "one", .token = 0}).has_value());
  REQUIRE(producer->append(record("second", 1)).has_value());
  REQUIRE(wait_until_durable(*producer, 2).size() == 2);

  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 2);
  REQUIRE(events(batches) == std::vector<std::string>{std::string(sent.event), "second"});
  const auto& entry = batches[0].entries[0];
  REQUIRE(!entry.damaged);
  const auto& envelope = entry.envelope;
  REQUIRE(envelope.received_at == sent.received_at);
  REQUIRE(envelope.pipeline == sent.pipeline);
  REQUIRE(envelope.schema == sent.schema);
  REQUIRE(envelope.source == sent.source);
  REQUIRE(envelope.edge == sent.edge);
  REQUIRE(envelope.log == sent.log);
  REQUIRE(envelope.sequence == sent.sequence);
  REQUIRE(envelope.replayed == sent.replayed);
}

TEST_CASE("each record's delivery brings its token back, once") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  const auto producer = stream->make_producer();
  for (std::uint64_t token = 100; token < 200; ++token) {
    REQUIRE(producer->append(record("event", token)).has_value());
  }
  auto tokens = wait_until_durable(*producer, 100);
  std::ranges::sort(tokens);
  for (std::size_t i = 0; i < tokens.size(); ++i) REQUIRE(tokens[i] == 100 + i);
  REQUIRE(producer->poll(milliseconds(0)).empty());
}

TEST_CASE("what is received is durable: it is there when the stream is opened anew") {
  const auto place = make_stream_place();
  std::vector<std::string> received;
  {
    const auto stream = place->open();
    const auto producer = stream->make_producer();
    const auto consumer = stream->make_consumer();
    for (const auto& event : numbered_events(50)) {
      REQUIRE(producer->append(record(event)).has_value());
    }
    // The producer never asks; so only what the stream itself holds durable may come out.
    received = events(receive(*consumer, 50));
  }
  const auto stream = place->open();
  const auto consumer = stream->make_consumer();
  REQUIRE(events(receive(*consumer, 50)) == received);
}

TEST_CASE("what is settled stays settled when the stream is opened anew, and so do the totals") {
  const auto place = make_stream_place();
  {
    const auto stream = place->open();
    const auto producer = stream->make_producer();
    deliver(*producer, numbered_events(10));
    const auto consumer = stream->make_consumer();
    std::vector<Verdict> ends{Verdict::stored,   Verdict::stored,    Verdict::stored,
                              Verdict::stored,   Verdict::duplicate, Verdict::duplicate,
                              Verdict::conflict, Verdict::conflict,  Verdict::conflict,
                              Verdict::rejected};
    for (const auto& batch : receive(*consumer, 10)) {
      std::vector<Outcome> outcomes;
      for (std::size_t i = 0; i < batch.entries.size(); ++i) {
        outcomes.push_back({ends.front(), "why"});
        ends.erase(ends.begin());
      }
      REQUIRE(consumer->settle(batch, outcomes).has_value());
    }
    deliver(*producer, {"after"});
  }
  const auto stream = place->open();
  const auto totals = Totals{.stored = 4, .duplicates = 2, .conflicts = 3, .rejected = 1};
  expect_account(*stream, totals, 1);
  const auto consumer = stream->make_consumer();
  REQUIRE(events(receive(*consumer, 1)) == std::vector<std::string>{"after"});
}

TEST_CASE("what was received and not settled comes again when the stream is opened anew") {
  const auto place = make_stream_place();
  {
    const auto stream = place->open();
    const auto producer = stream->make_producer();
    deliver(*producer, {"settled", "received"});
    const auto consumer = stream->make_consumer();
    settle(*consumer, receive(*consumer, 1, {.records = 1, .bytes = 1U << 20}));
    REQUIRE(events(receive(*consumer, 1)) == std::vector<std::string>{"received"});
  }
  const auto stream = place->open();
  const auto consumer = stream->make_consumer();
  REQUIRE(events(receive(*consumer, 1)) == std::vector<std::string>{"received"});
}

TEST_CASE("a new consumer goes on after what is settled") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  const auto producer = stream->make_producer();
  deliver(*producer, {"settled", "received"});
  auto consumer = stream->make_consumer();
  settle(*consumer, receive(*consumer, 1, {.records = 1, .bytes = 1U << 20}));
  receive(*consumer, 1);

  consumer.reset();
  consumer = stream->make_consumer();
  REQUIRE(events(receive(*consumer, 1)) == std::vector<std::string>{"received"});
}

TEST_CASE("a batch has no more records than its limit") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  const auto producer = stream->make_producer();
  const auto sent = numbered_events(10);
  deliver(*producer, sent);
  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 10, {.records = 3, .bytes = 1U << 20});
  for (const auto& batch : batches) REQUIRE(batch.entries.size() <= 3);
  REQUIRE(events(batches) == sent);
}

TEST_CASE("a batch has no more bytes than its limit, but one record at least") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  const auto producer = stream->make_producer();
  const std::string large(10'000, 'x');
  deliver(*producer, {large, large, large, large});
  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 4, {.records = 5000, .bytes = 5000});
  REQUIRE(batches.size() == 4);
}

TEST_CASE("batches can be received ahead and settle one after the other") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  const auto producer = stream->make_producer();
  deliver(*producer, numbered_events(9));
  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 9, {.records = 3, .bytes = 1U << 20});
  std::uint64_t settled = 0;
  for (const auto& batch : batches) {
    expect_account(*stream, {.stored = settled}, 9 - settled);
    settle(*consumer, batch);
    settled += batch.entries.size();
  }
  expect_account(*stream, {.stored = 9}, 0);
}

TEST_CASE("dead letters are listed oldest first, from where the caller asks, with all they carry") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  REQUIRE(stream->dead_letters(0, 10)->empty());
  const auto producer = stream->make_dead_letter_producer();
  Record letter = record("not json", 7);
  letter.envelope.flags = Envelope::kDeadLetter;
  letter.envelope.received_at = {.seconds = 1'700'000'000, .nanoseconds = 1000};
  letter.envelope.pipeline = "telemetry";
  letter.envelope.source = "http";
  letter.envelope.edge = "gateway-7";
  letter.envelope.reason = "conflict";
  letter.envelope.detail = "the store has another one";
  letter.envelope.topic = "sensor-events";
  letter.envelope.partition = 2;
  letter.envelope.offset = 99;
  REQUIRE(producer->append(letter).has_value());
  REQUIRE(wait_until_durable(*producer, 1) == std::vector<std::uint64_t>{7});
  REQUIRE(producer->append(record("second")).has_value());
  REQUIRE(producer->append(record("third")).has_value());
  wait_until_durable(*producer, 2);

  const auto listed = stream->dead_letters(0, 2);
  REQUIRE(listed.has_value());
  REQUIRE(listed->size() == 2);
  const auto& first = listed->front();
  REQUIRE(first.event == "not json");
  REQUIRE(first.reason == "conflict");
  REQUIRE(first.detail == "the store has another one");
  REQUIRE(first.topic == "sensor-events");
  REQUIRE(first.pipeline == "telemetry");
  REQUIRE(first.source == "http");
  REQUIRE(first.edge == "gateway-7");
  REQUIRE(first.partition == 2);
  REQUIRE(first.offset == 99);
  REQUIRE(first.received_at == letter.envelope.received_at);
  REQUIRE(listed->back().event == "second");

  const auto rest = stream->dead_letters(listed->back().sequence, 10);
  REQUIRE(rest.has_value());
  REQUIRE(rest->size() == 1);
  REQUIRE(rest->front().event == "third");
  REQUIRE(rest->front().sequence > listed->back().sequence);
}

// Marks the letters of these offsets as replayed.
void mark(Stream& stream, const std::vector<std::uint64_t>& offsets, Timestamp at) {
  const auto producer = stream.make_dead_letter_producer();
  const auto texts = replay_mark_texts(offsets);
  for (const auto& text : texts) {
    REQUIRE(producer->append({.envelope = replay_mark(text, at), .partition_key = {}, .token = 0})
                .has_value());
  }
  wait_until_durable(*producer, texts.size());
}

std::vector<std::string> marked(const Stream& stream) {
  std::vector<std::string> events;
  const auto letters = stream.dead_letters(0, 100);
  REQUIRE(letters.has_value());
  for (const auto& letter : *letters) {
    if (letter.replayed_at) events.push_back(letter.event);
  }
  return events;
}

TEST_CASE("a dead letter has a place, and says whose record it was and which letter that was") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  REQUIRE(stream->last_dead_letter() == 0U);
  const auto producer = stream->make_dead_letter_producer();
  auto sent = rejected_record("bad");
  sent.envelope.log = Id::random();
  sent.envelope.sequence = {42};
  sent.envelope.replayed = "sensor-events.dead/0/7";
  REQUIRE(producer->append(sent).has_value());
  wait_until_durable(*producer, 1);
  reject(*stream, {"worse"});

  const auto letters = stream->dead_letters(0, 10);
  REQUIRE(letters.has_value());
  REQUIRE(letters->size() == 2);
  const auto& [first, second] = std::tie(letters->front(), letters->back());
  REQUIRE(first.place.ends_with(".dead/0/" + std::to_string(first.dead_offset)));
  REQUIRE(second.dead_offset == first.dead_offset + 1);
  REQUIRE(first.log == sent.envelope.log);
  REQUIRE(first.sender_sequence == sent.envelope.sequence);
  REQUIRE(first.replay_of == sent.envelope.replayed);
  REQUIRE(second.replay_of.empty());
  REQUIRE(!first.replayed_at);
  REQUIRE(stream->last_dead_letter() == second.sequence);
}

TEST_CASE("letters that are marked as replayed say when, now and when the stream is opened anew") {
  const auto place = make_stream_place();
  auto stream = place->open();
  reject(*stream, {"one", "two", "three", "four"});
  REQUIRE(marked(*stream).empty());
  const auto first = stream->dead_letters(0, 1)->front().dead_offset;
  mark(*stream, {first, first + 1}, {.seconds = 1000, .nanoseconds = 0});
  REQUIRE(marked(*stream) == std::vector<std::string>{"one", "two"});
  mark(*stream, {first + 1, first + 3}, {.seconds = 2000, .nanoseconds = 0});

  stream.reset();
  stream = place->open();
  REQUIRE(marked(*stream) == std::vector<std::string>{"one", "two", "four"});
  const auto letters = stream->dead_letters(0, 10);
  REQUIRE((*letters)[1].replayed_at == Timestamp{.seconds = 1000, .nanoseconds = 0});
  REQUIRE((*letters)[3].replayed_at == Timestamp{.seconds = 2000, .nanoseconds = 0});
}

TEST_CASE("marks are no letters: they are neither listed nor counted") {
  const auto place = make_stream_place();
  auto stream = place->open();
  reject(*stream, {"one"});
  const auto first = stream->dead_letters(0, 1)->front().dead_offset;
  for (int i = 0; i < 5; ++i) mark(*stream, {first}, {.seconds = 1000, .nanoseconds = 0});
  reject(*stream, {"two"});
  const auto letters = stream->dead_letters(0, 2);
  REQUIRE(letters->size() == 2);
  REQUIRE(letters->back().event == "two");
  REQUIRE(stream->dead_letters(letters->back().sequence, 2)->empty());
  expect_account(*stream, {.rejected = 2}, 0);

  stream.reset();
  stream = place->open();
  expect_account(*stream, {.rejected = 2}, 0);
}

TEST_CASE("a letter whose bytes were cut says so") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  reject(*stream, {std::string(20U << 20, 'x'), "whole (cut from 9 bytes, SHA-256 0)"});
  const auto letters = stream->dead_letters(0, 1);
  REQUIRE(letters->size() == 1);
  REQUIRE(letters->front().cut);
  REQUIRE(!stream->dead_letters(letters->front().sequence, 1)->front().cut);
}

TEST_CASE("a list of large letters is short, and goes on where it ended") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  const std::string large(200U << 10, 'x');
  for (int i = 0; i < 5; ++i) reject(*stream, std::vector<std::string>(5, large));
  std::size_t count = 0;
  std::size_t lists = 0;
  for (std::uint64_t after = 0;; ++lists) {
    const auto letters = stream->dead_letters(after, 1000);
    REQUIRE(letters.has_value());
    if (letters->empty()) break;
    REQUIRE(letters->size() * large.size() <= kDeadLettersSizeMax + large.size());
    count += letters->size();
    after = letters->back().sequence;
  }
  REQUIRE(count == 25);
  REQUIRE(lists == 2);
}

TEST_CASE("the account balances in every step") {
  const auto place = make_stream_place();
  auto stream = place->open();
  expect_account(*stream, {}, 0);

  deliver(*stream->make_producer(), numbered_events(10));
  expect_account(*stream, {}, 10);

  reject(*stream, {"bad", "worse"});
  expect_account(*stream, {.rejected = 2}, 10);

  auto consumer = stream->make_consumer();
  settle(*consumer, receive(*consumer, 4, {.records = 2, .bytes = 1U << 20}));
  expect_account(*stream, {.stored = 4, .rejected = 2}, 6);

  consumer.reset();
  stream.reset();
  stream = place->open();
  expect_account(*stream, {.stored = 4, .rejected = 2}, 6);

  consumer = stream->make_consumer();
  settle(*consumer, receive(*consumer, 6), Verdict::rejected);
  expect_account(*stream, {.stored = 4, .rejected = 8}, 0);
}

TEST_CASE("a dead letter of a record that was in the stream is not counted a second time") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  deliver(*stream->make_producer(), {"conflicting"});
  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 1);
  const auto dead_letters = stream->make_dead_letter_producer();
  auto letter = record("conflicting");
  letter.envelope.flags = Envelope::kDeadLetter;
  REQUIRE(dead_letters->append(letter).has_value());
  wait_until_durable(*dead_letters, 1);
  settle(*consumer, batches, Verdict::conflict);
  expect_account(*stream, {.conflicts = 1}, 0);
}

TEST_CASE("producers on two threads each hear of their own records, and all are received") {
  constexpr std::uint64_t kEach = 2000;
  const auto place = make_stream_place();
  const auto stream = place->open();
  const auto consumer = stream->make_consumer();
  std::vector<std::vector<std::uint64_t>> tokens(2);
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t which = 0; which < 2; ++which) {
      threads.emplace_back([&, which] {
        const auto producer = stream->make_producer();
        auto& mine = tokens[which];
        const auto poll = [&](milliseconds wait) {
          for (const auto& delivery : producer->poll(wait)) mine.push_back(delivery.token);
        };
        for (std::uint64_t i = 0; i < kEach;) {
          const auto token = which * kEach + i;
          if (producer->append(record(std::to_string(token), token))) {
            ++i;
          } else {
            poll(milliseconds(100));
          }
        }
        const auto end = std::chrono::steady_clock::now() + kPatience;
        while (mine.size() < kEach && std::chrono::steady_clock::now() < end)
          poll(milliseconds(100));
      });
    }
  }
  for (std::uint64_t which = 0; which < 2; ++which) {
    std::ranges::sort(tokens[which]);
    REQUIRE(tokens[which].size() == kEach);
    for (std::uint64_t i = 0; i < kEach; ++i) REQUIRE(tokens[which][i] == which * kEach + i);
  }

  std::map<std::string, std::size_t> seen;
  for (const auto& event : events(receive(*consumer, 2 * kEach))) ++seen[event];
  REQUIRE(seen.size() == 2 * kEach);
}

TEST_CASE("a consumer waits for the record that comes during its wait") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  const auto consumer = stream->make_consumer();
  std::vector<std::string> received;
  {
    const std::jthread thread([&] {
      const auto batch = consumer->receive({}, kPatience);
      if (batch) {
        for (const auto& entry : batch->entries) received.emplace_back(entry.envelope.event);
      }
    });
    deliver(*stream->make_producer(), {"late"});
  }
  REQUIRE(received == std::vector<std::string>{"late"});
}

TEST_CASE("an empty stream gives an empty batch once the wait is over") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  const auto consumer = stream->make_consumer();
  const auto begin = std::chrono::steady_clock::now();
  const auto batch = consumer->receive({}, kMoment);
  REQUIRE(std::chrono::steady_clock::now() - begin >= kMoment);
  REQUIRE(batch.has_value());
  REQUIRE(batch->empty());
  REQUIRE(consumer->settle(*batch, {}).has_value());
}

TEST_CASE("a record over the limit is refused, and the next one is taken") {
  const auto place = make_stream_place();
  const auto stream = place->open();
  const auto producer = stream->make_producer();
  const auto refused = producer->append(record(std::string(4U << 20, 'x')));
  REQUIRE(!refused.has_value());
  REQUIRE(refused.error() == errc::too_large);
  deliver(*producer, {"fits"});
  expect_account(*stream, {}, 1);
}

TEST_CASE("a full stream refuses records, and takes them again once others are settled") {
  const auto place = make_stream_place();
  if (!place->is_bounded()) return;
  const auto stream = place->open();
  const auto producer = stream->make_producer();
  const std::string large(100'000, 'x');
  // Appends until the stream refuses with nothing on its way; how many it took.
  const auto fill = [&] {
    std::uint64_t taken = 0;
    for (std::uint64_t in_flight = 0;;) {
      const auto result = producer->append(record(large));
      if (result) {
        ++taken;
        ++in_flight;
        continue;
      }
      REQUIRE(result.error() == errc::queue_full);
      if (in_flight == 0) return taken;
      in_flight -= producer->poll(kPatience).size();
    }
  };
  const auto taken = fill();
  REQUIRE(taken > 10);
  REQUIRE(taken * large.size() <= kStreamPlaceSize);
  expect_account(*stream, {}, taken);

  const auto consumer = stream->make_consumer();
  settle(*consumer, receive(*consumer, taken));
  const auto taken_again = fill();
  REQUIRE(taken_again > 10);
  expect_account(*stream, {.stored = taken}, taken_again);
}

}  // namespace
}  // namespace tributary::collector
