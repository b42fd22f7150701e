#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "collector/outcome.h"
#include "collector/stream/stream.h"
#include "tests/simulation/simulated_store.h"

namespace tributary::simulation {

// Knows what was sent and what was accepted, and judges what became of it: DESIGN 1.1 (accepted
// means stored, once) and 1.2 (every event is accounted for).
class Oracle {
 public:
  enum class Fate : std::uint8_t {
    stored,    // the store has it in the end
    rejected,  // the dead letters have it in the end
  };
  struct Line {
    std::string text;
    Fate fate = Fate::stored;
  };

  // A new event of that source, which no other event is like.
  Line make_line(const std::string& source, Fate fate);
  // How many there were of it.
  [[nodiscard]] std::uint64_t made(const std::string& source) const;
  // Somebody was told that it is safe.
  void accept(const std::string& source, std::string_view text);
  // So many events of that source were counted as dropped (drop_oldest): they may be missing.
  void dropped(const std::string& source, std::uint64_t events) { dropped_[source] = events; }
  // Nothing will fail: then nothing comes twice, and all counts are exact.
  void expect_calm() { calm_ = true; }
  // Something that can't be right.
  void fault(std::string what) { faults_.push_back(std::move(what)); }

  // Judges a chain that has come to rest: what is wrong, empty when nothing is.
  [[nodiscard]] std::vector<std::string> judge(const Database& database,
                                               collector::Stream& stream) const;
  [[nodiscard]] std::size_t accepted() const { return accepted_.size(); }

 private:
  void judge_store(const Database& database, std::vector<std::string>& wrong) const;
  std::uint64_t judge_dead_letters(collector::Stream& stream,
                                   std::vector<std::string>& wrong) const;
  void judge_account(const Database& database, std::uint64_t letters, collector::Stream& stream,
                     std::vector<std::string>& wrong) const;

  std::map<std::string, Fate, std::less<>> sent_;
  std::map<std::string, std::string, std::less<>> accepted_;  // and their sources
  std::map<std::string, std::uint64_t> numbers_;              // of each source's events so far
  std::map<std::string, std::uint64_t, std::less<>> dropped_;
  bool calm_ = false;
  std::vector<std::string> faults_;
};

}  // namespace tributary::simulation
