#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "collector/stream/stream.h"

// What the tests of streams do again and again. Whatever takes longer than kPatience fails the
// test.
namespace tributary::collector::stream_verbs {

inline constexpr std::chrono::seconds kPatience{60};
inline constexpr std::chrono::milliseconds kMoment{20};  // long enough for what must not happen

// An empty directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A record of one partition, with nothing but the event and the token.
Record record(std::string_view event, std::uint64_t token = 0);
// A dead letter that never was in the stream.
Record rejected_record(std::string_view event, std::uint64_t token = 0);

// Polls until `count` records are durable; their tokens.
std::vector<std::uint64_t> wait_until_durable(Producer& producer, std::size_t count);
// Appends the events, their indexes being their tokens, and waits until they are durable.
void deliver(Producer& producer, const std::vector<std::string>& events);
// Rejects the events at ingest: durable among the dead letters.
void reject(Stream& stream, const std::vector<std::string>& events);

// The batches with the next `count` records, damaged and missing ones among them.
std::vector<Batch> receive(Consumer& consumer, std::size_t count, BatchLimit limit = {});
std::vector<std::string> events(const std::vector<Batch>& batches);

// Every entry came to this end.
void settle(Consumer& consumer, const Batch& batch,
            Outcome::Verdict verdict = Outcome::Verdict::stored);
void settle(Consumer& consumer, const std::vector<Batch>& batches,
            Outcome::Verdict verdict = Outcome::Verdict::stored);

// The account, which balances.
Account balanced_account(const Stream& stream);
// Waits until the account says this: a stream tells of a moment ago. It balances all the while.
void expect_account(const Stream& stream, const Totals& totals, std::uint64_t lag);

// "record 0", "record 1", …
std::vector<std::string> numbered_events(std::size_t count);

// Waits until the condition holds.
template <class Condition>
bool eventually(Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace tributary::collector::stream_verbs
