#include "tests/contract/stream_verbs.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

namespace tributary::collector::stream_verbs {

TemporaryDirectory::TemporaryDirectory() {
  auto pattern = (std::filesystem::temp_directory_path() / "tributary-stream-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Record record(std::string_view event, std::uint64_t token) {
  Record record;
  record.envelope.event = event;
  record.partition_key = "one";
  record.token = token;
  return record;
}

Record rejected_record(std::string_view event, std::uint64_t token) {
  auto rejected = record(event, token);
  rejected.envelope.flags = Envelope::kDeadLetter | Envelope::kRejectedAtIngest;
  rejected.envelope.reason = "invalid";
  return rejected;
}

std::vector<std::uint64_t> wait_until_durable(Producer& producer, std::size_t count) {
  std::vector<std::uint64_t> tokens;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (tokens.size() < count) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    for (const auto& delivery : producer.poll(kPatience)) {
      REQUIRE(!delivery.error);
      tokens.push_back(delivery.token);
    }
  }
  REQUIRE(tokens.size() == count);
  return tokens;
}

void deliver(Producer& producer, const std::vector<std::string>& events) {
  for (std::size_t i = 0; i < events.size(); ++i) {
    REQUIRE(producer.append(record(events[i], i)).has_value());
  }
  wait_until_durable(producer, events.size());
}

void reject(Stream& stream, const std::vector<std::string>& events) {
  const auto producer = stream.make_dead_letter_producer();
  for (const auto& event : events) REQUIRE(producer->append(rejected_record(event)).has_value());
  wait_until_durable(*producer, events.size());
}

std::vector<Batch> receive(Consumer& consumer, std::size_t count, BatchLimit limit) {
  std::vector<Batch> batches;
  std::size_t received = 0;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (received < count) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    auto batch = consumer.receive(limit, kPatience);
    REQUIRE(batch.has_value());
    if (batch->empty()) continue;
    received += batch->entries.size();
    for (const auto& span : batch->missing) received += span.count();
    batches.push_back(std::move(*batch));
  }
  REQUIRE(received == count);
  return batches;
}

std::vector<std::string> events(const std::vector<Batch>& batches) {
  std::vector<std::string> events;
  for (const auto& batch : batches) {
    for (const auto& entry : batch.entries) events.emplace_back(entry.envelope.event);
  }
  return events;
}

void settle(Consumer& consumer, const Batch& batch, Outcome::Verdict verdict) {
  const std::vector<Outcome> outcomes(batch.entries.size(), Outcome{verdict, {}});
  REQUIRE(consumer.settle(batch, outcomes).has_value());
}

void settle(Consumer& consumer, const std::vector<Batch>& batches, Outcome::Verdict verdict) {
  for (const auto& batch : batches) settle(consumer, batch, verdict);
}

Account balanced_account(const Stream& stream) {
  const auto account = stream.account();
  if (!account) FAIL(account.error().message());
  REQUIRE(account->balances());
  return *account;
}

void expect_account(const Stream& stream, const Totals& totals, std::uint64_t lag) {
  Account account;
  const bool is_as_expected = eventually([&] {
    account = balanced_account(stream);
    return account.totals == totals && account.lag == lag;
  });
  if (is_as_expected) return;
  REQUIRE(account.totals == totals);
  REQUIRE(account.lag == lag);
}

std::vector<std::string> numbered_events(std::size_t count) {
  std::vector<std::string> events;
  events.reserve(count);
  for (std::size_t i = 0; i < count; ++i) events.push_back("record " + std::to_string(i));
  return events;
}

}  // namespace tributary::collector::stream_verbs
