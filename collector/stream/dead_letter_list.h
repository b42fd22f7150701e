#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collector/stream/replay_marks.h"
#include "collector/stream/stream.h"

namespace tributary::collector {

// The dead letters in a log of dead letters. Sequences are offsets. Any thread; no lock is held
// while the disk works.
class DeadLetterList {
 public:
  // `topic` is that of the stream.
  DeadLetterList(const Log& log, const std::string& topic)
      : log_(log), place_prefix_(topic + ".dead/0/") {}

  // As Stream::dead_letters(). A record that is no envelope is listed with the reason "damaged" and
  // its bytes.
  Result<std::vector<DeadLetter>> list(std::uint64_t after, std::size_t most) const;

 private:
  // Looks for marks in what came since the last time.
  Result<void> read_marks() const;
  [[nodiscard]] DeadLetter make_letter(const Records::Entry& record) const;

  const Log& log_;
  const std::string place_prefix_;
  mutable ReplayMarks marks_;
};

}  // namespace tributary::collector
