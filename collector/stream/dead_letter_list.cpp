#include "collector/stream/dead_letter_list.h"

namespace tributary::collector {
namespace {

DeadLetter make_dead_letter(const Records::Entry& record) {
  DeadLetter letter;
  letter.sequence = record.sequence.value;
  const auto envelope = decode_envelope(record.payload);
  if (!envelope) {
    letter.reason = "damaged";
    letter.detail = envelope.error().message();
    letter.event = as_text(record.payload);
    return letter;
  }
  letter.reason = envelope->reason;
  letter.detail = envelope->detail;
  letter.topic = envelope->topic;
  letter.pipeline = envelope->pipeline;
  letter.source = envelope->source;
  letter.edge = envelope->edge;
  letter.partition = envelope->partition;
  if (envelope->offset != 0) letter.offset = envelope->offset;
  letter.received_at = envelope->received_at;
  letter.event = envelope->event;
  return letter;
}

}  // namespace

Result<std::vector<DeadLetter>> list_dead_letters(const Log& log, std::uint64_t after,
                                                  std::size_t most) {
  std::vector<DeadLetter> letters;
  Sequence last{after};
  while (letters.size() < most) {
    BatchLimit limit;
    limit.records = most - letters.size();
    TRIBUTARY_ASSIGN(const auto records, log.read(last, limit));
    if (records.entries.empty()) break;
    for (const auto& record : records.entries) letters.push_back(make_dead_letter(record));
    last = records.entries.back().sequence;
  }
  return letters;
}

}  // namespace tributary::collector
