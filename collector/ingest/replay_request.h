#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::collector {

// Why there are dead letters (Envelope::reason).
inline constexpr std::array<std::string_view, 5> kDeadLetterReasons{
    "invalid", "conflict", "rejected", "unknown_pipeline", "damaged"};

bool is_dead_letter_reason(std::string_view text);
// "there is no reason \"x\": there are invalid, conflict, …"
std::string unknown_reason(std::string_view text);

// Which dead letters are to be replayed.
struct ReplayRequest {
  std::vector<std::string> reasons;    // empty: all but "conflict", which would conflict again
  std::vector<std::uint64_t> offsets;  // among the dead letters; empty: all, else of every reason
  bool dry_run = false;                // only says what would be done

  [[nodiscard]] bool takes(std::string_view reason) const;
};

// What became of them.
struct ReplayReport {
  static constexpr std::size_t kMistakesMax = 10;

  struct Counts {
    std::uint64_t replayed = 0;   // durable in the stream, and marked; of a dry run: would be
    std::uint64_t skipped = 0;    // were replayed before
    std::uint64_t invalid = 0;    // are still not valid: left where they are
    std::uint64_t truncated = 0;  // were cut when they became dead letters: can't be replayed
  };
  struct Mistake {
    std::uint64_t offset = 0;
    std::string reason;
    std::string detail;
  };

  bool dry_run = false;
  std::map<std::string, Counts> reasons;
  std::vector<Mistake> mistakes;         // of the first that are invalid
  std::vector<std::uint64_t> not_found;  // offsets asked for at which there is no dead letter
  std::string broken_off;                // why it ended before its end; empty: it didn't

  // Counts an invalid one.
  void add(Mistake mistake);
  [[nodiscard]] Counts total() const;
  [[nodiscard]] std::string json() const;
};

}  // namespace tributary::collector
