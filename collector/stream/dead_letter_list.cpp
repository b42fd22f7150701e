#include "collector/stream/dead_letter_list.h"

#include "collector/stream/dead_letter.h"

namespace tributary::collector {

Result<std::vector<DeadLetter>> DeadLetterList::list(std::uint64_t after, std::size_t most) const {
  TRIBUTARY_TRY(read_marks());
  std::vector<DeadLetter> letters;
  std::size_t bytes = 0;
  for (Sequence last{after}; letters.size() < most;) {
    BatchLimit limit;
    limit.records = most - letters.size();
    TRIBUTARY_ASSIGN(const auto records, log_.read(last, limit));
    if (records.entries.empty()) break;
    for (const auto& record : records.entries) {
      if (bytes >= kDeadLettersSizeMax) return letters;
      auto letter = make_letter(record);
      if (letter.reason == kReplayedReason) continue;
      bytes += letter.event.size();
      letters.push_back(std::move(letter));
    }
    last = records.entries.back().sequence;
  }
  return letters;
}

Result<void> DeadLetterList::read_marks() const {
  for (Sequence last{marks_.position()};;) {
    TRIBUTARY_ASSIGN(const auto records, log_.read(last, BatchLimit{}));
    if (records.entries.empty()) return {};
    std::vector<ReplayMarks::Mark> found;
    for (const auto& record : records.entries) {
      const auto envelope = decode_envelope(record.payload);
      if (!envelope || envelope->reason != kReplayedReason) continue;
      found.push_back({.offsets = std::string(envelope->detail), .at = envelope->received_at});
    }
    last = records.entries.back().sequence;
    marks_.take(found, last.value);
  }
}

DeadLetter DeadLetterList::make_letter(const Records::Entry& record) const {
  DeadLetter letter;
  if (const auto envelope = decode_envelope(record.payload)) {
    letter = make_dead_letter(*envelope);
    if (envelope->offset == 0) letter.offset.reset();
  } else {
    letter.reason = "damaged";
    letter.detail = envelope.error().message();
    letter.event = as_text(record.payload);
  }
  letter.sequence = letter.dead_offset = record.sequence.value;
  letter.place = place_prefix_ + std::to_string(letter.dead_offset);
  letter.replayed_at = marks_.find(letter.dead_offset);
  return letter;
}

}  // namespace tributary::collector
