// Random operations, restarts and failures of the disk, held against a model of the log that is a
// map of records and sets of what was released. TRIBUTARY_SEED=n repeats a run.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <set>

#include "tests/unit/log/log_fixture.h"

using namespace tributary;
using namespace tributary::test;

namespace {

constexpr std::array<const char*, 3> kNames{"a", "b", "c"};

class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {
    options_ = small_log({kNames.begin(), kNames.end()});
    options_.segment_size = 512 + random_() % 2048;
    options_.size_max = (4 + random_() % 12) * options_.segment_size;
    options_.pending_size_max = 512 + random_() % 8192;
    open();
  }

  void step() {
    switch (random_() % 16) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        append();
        break;
      case 5:
      case 6:
      case 7:
        commit();
        break;
      case 8:
      case 9:
        read();
        break;
      case 10:
      case 11:
      case 12:
        release();
        break;
      case 13:
        fail_something();
        break;
      case 14:
        check();
        break;
      default:
        if (random_() % 8 == 0) restart();
        break;
    }
  }

  void check() {
    for (const auto* name : kNames) {
      const auto position = log_->position(name);
      const auto& released = released_[name];
      std::vector<std::uint64_t> wrong;
      for (std::uint64_t at = 1; at <= committed_; ++at) {
        if (position.released({at}) != released.contains(at)) wrong.push_back(at);
      }
      REQUIRE(wrong.empty());
      REQUIRE(as_text(position.data) == data_[name]);
      REQUIRE(position.dropped == 0);
    }
    const auto records = must(log_->read({0}, {.records = 100'000, .bytes = 1U << 28}));
    std::map<std::uint64_t, std::string> readable;
    for (const auto& [sequence, payload] : records.entries) {
      readable[sequence.value] = as_text(payload);
    }
    std::vector<std::uint64_t> lost;
    std::vector<std::uint64_t> invented;
    for (const auto& [sequence, text] : records_) {
      const auto found = readable.find(sequence);
      const bool needed = sequence <= committed_ && !passed(sequence);
      if (found == readable.end() && needed) lost.push_back(sequence);
      if (found != readable.end() && found->second != text) invented.push_back(sequence);
    }
    REQUIRE(lost.empty());
    REQUIRE(invented.empty());
    if (!readable.empty()) REQUIRE(readable.rbegin()->first == committed_);
    const auto stats = log_->stats();
    REQUIRE(stats.committed.value == committed_);
    REQUIRE(stats.appended.value == appended_);
    REQUIRE(stats.bytes <= options_.size_max);
    REQUIRE(stats.damaged_records == 0);
  }

 private:
  void open() {
    log_ = open_log(files_, options_);
    REQUIRE(log_->recovery().damaged_records == 0);
    REQUIRE(log_->recovery().void_cursors == 0);
  }

  void append() {
    std::string text = std::to_string(random_()) + std::string(random_() % 200, 'm');
    const auto appended = log_->append(as_bytes(text));
    if (!appended) {
      REQUIRE((appended.error() == errc::log_full || appended.error() == errc::queue_full));
      return;
    }
    REQUIRE(appended->value == ++appended_);
    records_[appended_] = std::move(text);
  }

  void commit() {
    const auto through = log_->commit();
    if (through) REQUIRE(through->value == appended_);
    // A failed commit may have made a part of it durable.
    const auto now = log_->stats().committed.value;
    REQUIRE(now >= committed_);
    committed_ = now;
  }

  void read() {
    const auto after = committed_ == 0 ? 0 : random_() % (committed_ + 1);
    const BatchLimit limit{.records = 1 + random_() % 20, .bytes = random_() % 3000};
    const auto records = log_->read({after}, limit);
    if (!records) return;  // a failure of the disk
    auto next = after + 1;
    auto gap = records->missing.begin();
    for (const auto& [sequence, payload] : records->entries) {
      if (gap != records->missing.end() && gap->first.value == next) next = (gap++)->last.value + 1;
      REQUIRE(sequence.value == next++);
      REQUIRE(as_text(payload) == records_.at(sequence.value));
    }
    REQUIRE(records->entries.size() <= limit.records);
    for (const auto& lost : records->missing) REQUIRE(passed(lost.last.value));
    if (records->entries.empty()) REQUIRE((after == committed_ || passed(committed_)));
  }

  void release() {
    if (committed_ == 0) return;
    const std::string name = kNames[random_() % kNames.size()];
    const auto from = random_() % 3 == 0 ? 1 + random_() % committed_ : first_unreleased(name);
    const auto last = std::min(committed_, from + random_() % 8);
    if (last < from) return;
    const bool with_data = random_() % 2 == 0;
    const auto data = with_data ? std::to_string(random_()) : data_[name];
    const auto done = log_->release(name, {{from}, {last}},
                                    with_data ? std::optional(as_bytes(data)) : std::nullopt);
    if (!done) return;
    for (auto at = from; at <= last; ++at) released_[name].insert(at);
    data_[name] = data;
  }

  void fail_something() {
    constexpr std::array kOperations{
        Operation::write,  Operation::sync,   Operation::truncate,
        Operation::create, Operation::rename, Operation::sync_directory,
        Operation::remove, Operation::open,   Operation::read};
    const auto operation = kOperations[random_() % kOperations.size()];
    files_.fail_next(operation, random_() % 2 == 0 ? EIO : ENOSPC);
    switch (random_() % 3) {
      case 0:
        commit();
        break;
      case 1:
        release();
        break;
      default:
        read();
        break;
    }
    files_.fail_next(operation, 0, 0);
  }

  // The process dies, or the machine. What was committed stays; of the rest, a prefix.
  void restart() {
    const auto crash = random_() % 2 == 0 ? Crash::process : Crash::drop;
    log_.reset();
    files_.restart(crash, random_);
    open();
    const auto stats = log_->stats();
    REQUIRE(stats.committed.value >= committed_);
    REQUIRE(stats.committed.value <= appended_);
    REQUIRE(stats.appended == stats.committed);
    committed_ = appended_ = stats.committed.value;
    records_.erase(records_.upper_bound(committed_), records_.end());
    // A release that failed may have reached the disk.
    for (const auto* name : kNames) {
      const auto position = log_->position(name);
      auto& released = released_[name];
      REQUIRE(std::ranges::all_of(released, [&](auto at) { return position.released({at}); }));
      for (std::uint64_t at = 1; at <= committed_; ++at) {
        if (position.released({at})) released.insert(at);
      }
      data_[name] = as_text(position.data);
    }
    check();
  }

  [[nodiscard]] bool passed(std::uint64_t sequence) {
    return std::ranges::all_of(kNames,
                               [&](const char* name) { return first_unreleased(name) > sequence; });
  }
  std::uint64_t first_unreleased(const std::string& name) {
    auto& from = prefixes_[name];
    while (released_[name].contains(from + 1)) ++from;
    return from + 1;
  }

  std::mt19937_64 random_;
  MemoryFileSystem files_;
  LogOptions options_;
  std::unique_ptr<Log> log_;
  std::map<std::uint64_t, std::string> records_;
  std::uint64_t appended_ = 0;
  std::uint64_t committed_ = 0;
  std::map<std::string, std::set<std::uint64_t>> released_;
  std::map<std::string, std::uint64_t> prefixes_;
  std::map<std::string, std::string> data_;
};

}  // namespace

TEST_CASE("the log does what its model does, whatever the disk does") {
  const auto* text = std::getenv("TRIBUTARY_SEED");
  const std::uint64_t seed =
      text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  std::cout << "TRIBUTARY_SEED=" << seed << std::endl;
  std::mt19937_64 seeds(seed);
  constexpr int kRuns = 100;
  constexpr int kSteps = 1500;
  for (int run = 0; run < kRuns; ++run) {
    CAPTURE(seed, run);
    Model model(seeds());
    for (int step = 0; step < kSteps; ++step) model.step();
    model.check();
  }
}
