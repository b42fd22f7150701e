#include "tests/fault/log_truth.h"

#include <cstdlib>
#include <iostream>

#include "shared/log/position.h"

namespace tributary::test {
namespace {

Bytes call_number(std::size_t call) {
  Bytes bytes(4);
  store_le(bytes.data(), static_cast<std::uint32_t>(call));
  return bytes;
}

// The position is what some call since the last successful one made, and its data says which.
// What drops released beyond that is counted.
void check_cursor(CursorTruth& truth, const Position& position) {
  const std::size_t call = position.data.empty() ? 0 : load_le<std::uint32_t>(position.data.data());
  REQUIRE(call >= truth.returned);
  REQUIRE(call < truth.after.size());
  const auto& expected = truth.after[call];
  const auto last = std::max(last_released(position), last_released(expected)).value;
  std::uint64_t beyond = 0;
  std::uint64_t forgotten = 0;
  for (std::uint64_t sequence = 1; sequence <= last; ++sequence) {
    const bool released = position.released({sequence});
    if (expected.released({sequence}) && !released) ++forgotten;
    if (!expected.released({sequence}) && released) ++beyond;
  }
  REQUIRE(forgotten == 0);
  REQUIRE(beyond <= position.dropped);
  // From now on this is the truth.
  truth.after.resize(call + 1);
  truth.after[call] = position;
  truth.returned = call;
}

void check_records(Truth& truth, const Log& log, Sequence released) {
  const auto records = must(log.read({0}, {.records = 100'000, .bytes = 1U << 28}));
  std::map<std::uint64_t, std::string> readable;
  std::vector<std::uint64_t> out_of_order;
  std::vector<std::uint64_t> invented;
  std::vector<std::uint64_t> lost;
  std::uint64_t last = 0;
  for (const auto& [sequence, payload] : records.entries) {
    if (sequence.value <= last) out_of_order.push_back(sequence.value);
    last = sequence.value;
    const auto appended = truth.appended.find(last);
    if (appended == truth.appended.end() || as_text(payload) != appended->second) {
      invented.push_back(last);
    }
    readable[last] = as_text(payload);
  }
  for (const auto& [sequence, text] : truth.appended) {
    const bool needed = sequence > released.value && sequence <= truth.committed;
    if (needed && !readable.contains(sequence)) lost.push_back(sequence);
  }
  REQUIRE(out_of_order.empty());
  REQUIRE(invented.empty());
  REQUIRE(lost.empty());
  // What is readable now is committed; what isn't never was, or is released.
  truth.appended = std::move(readable);
  truth.committed = std::max(truth.committed, log.stats().committed.value);
  truth.seen = std::max(truth.seen, last);
}

}  // namespace

void LogUser::append() {
  auto text = "life " + std::to_string(random_()) +
              std::string(static_cast<std::size_t>(random_() % 300), 'x');
  const auto sequence = log_.append(as_bytes(text));
  if (!sequence) {
    REQUIRE((sequence.error() == errc::log_full || sequence.error() == errc::queue_full));
    return;
  }
  REQUIRE(sequence->value > truth_.committed);
  REQUIRE(sequence->value > truth_.seen);
  truth_.appended[sequence->value] = std::move(text);
}

bool LogUser::commit() {
  const auto through = log_.commit();
  if (through) truth_.committed = through->value;
  return through.has_value();
}

void LogUser::release(const std::string& name, std::size_t most) {
  auto& cursor = truth_.cursors[name];
  const auto records = log_.read(log_.position(name).prefix, {.records = most, .bytes = 1U << 20});
  if (!records || records->entries.empty()) return;
  for (const auto& [sequence, payload] : records->entries) {
    REQUIRE(sequence <= log_.stats().committed);
    REQUIRE(as_text(payload) == truth_.appended.at(sequence.value));
    truth_.seen = std::max(truth_.seen, sequence.value);
  }
  // A commit that failed may have made a part durable; what a reader saw must stay.
  truth_.committed = std::max(truth_.committed, truth_.seen);
  const auto skip = random_() % 3 == 0 ? 1U : 0U;
  if (skip >= records->entries.size()) return;
  const SequenceRange range{records->entries[skip].sequence, records->entries.back().sequence};
  auto position = cursor.after[cursor.returned];
  add_released(position, range);
  const auto call = cursor.after.size();
  cursor.after.push_back(std::move(position));
  if (log_.release(name, range, call_number(call))) cursor.returned = call;
}

Sequence check_cursors(const Log& log, Truth& truth) {
  Sequence released{~std::uint64_t{0}};
  for (const auto& name : kCursors) {
    const auto position = log.position(name);
    check_cursor(truth.cursors[name], position);
    released = std::min(released, position.prefix);
  }
  REQUIRE(log.recovery().void_cursors == 0);
  REQUIRE(log.recovery().foreign_files == 0);
  return released;
}

void check(MemoryFileSystem& files, Truth& truth, const LogOptions& options, bool no_damage) {
  const auto log = open_log(files, options);
  check_records(truth, *log, check_cursors(*log, truth));
  if (no_damage) REQUIRE(log->recovery().damaged_records == 0);
}

std::uint64_t chosen_seed() {
  const auto* text = std::getenv("TRIBUTARY_SEED");
  const auto seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  std::cout << "TRIBUTARY_SEED=" << seed << std::endl;
  return seed;
}

}  // namespace tributary::test
