#pragma once

#include <cstdint>
#include <string>

namespace tributary::collector {

// What became of one event at the store. A verdict on data, not an error.
struct Outcome {
  enum class Verdict : std::uint8_t {
    stored,
    duplicate,  // the store has it, with the same content
    conflict,   // the store has its key with other content
    rejected,   // the store will never take it
    retry,      // not now: the store is down, or says that trying again may help
  };
  Verdict verdict = Verdict::retry;
  std::string detail;  // why, for conflict, rejected and retry
  // Of `retry`: nothing says whether it is the store that fails or this event.
  bool unknown = false;
};

// How many records of a stream came to which end, since the stream began.
struct Totals {
  std::uint64_t stored = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t conflicts = 0;
  std::uint64_t rejected = 0;

  bool operator==(const Totals&) const = default;
  // CHECKs that the outcome is final (not `retry`).
  void count(Outcome::Verdict verdict, std::uint64_t records = 1);
  [[nodiscard]] std::uint64_t settled() const { return stored + duplicates + conflicts + rejected; }
};

// DESIGN 1.2: records = stored + duplicates + conflicts + rejected + lag.
struct Account {
  std::uint64_t records = 0;
  Totals totals;  // `rejected` includes what was dead-lettered at ingest
  std::uint64_t lag = 0;

  [[nodiscard]] bool balances() const { return records == totals.settled() + lag; }
};

}  // namespace tributary::collector
