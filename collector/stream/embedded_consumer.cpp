#include "collector/stream/embedded_consumer.h"

#include <algorithm>
#include <utility>

#include "shared/base/check.h"

namespace tributary::collector {
namespace {

Batch::Entry make_entry(const Records::Entry& record) {
  Batch::Entry entry{
      .envelope = {}, .partition = 0, .offset = record.sequence.value, .damaged = false};
  if (auto envelope = decode_envelope(record.payload)) {
    entry.envelope = *envelope;
  } else {
    entry.damaged = true;
    entry.envelope.event = as_text(record.payload);
  }
  return entry;
}

// Leaves out what begins with a record of a newer program, which is kept until that is here: an
// error when it comes first.
Result<void> stop_at_newer(Records& records) {
  const auto newer = std::ranges::find_if(records.entries, [](const auto& record) {
    const auto envelope = decode_envelope(record.payload);
    return !envelope && envelope.error() == errc::unknown_version;
  });
  if (newer == records.entries.end()) return {};
  const auto sequence = newer->sequence;
  std::erase_if(records.missing, [&](const auto& range) { return range.first > sequence; });
  records.entries.erase(newer, records.entries.end());
  if (!records.entries.empty() || !records.missing.empty()) return {};
  return fail(errc::unknown_version, "record " + std::to_string(sequence.value) +
                                         " was written by a newer program: update this one");
}

std::uint64_t count(const std::vector<Batch::Span>& spans) {
  std::uint64_t offsets = 0;
  for (const auto& span : spans) offsets += span.count();
  return offsets;
}

Batch::Span make_span(SequenceRange range) {
  return {.partition = 0, .first = range.first.value, .last = range.last.value, .turn = 0};
}

// What was read after `after`, as far as the last sequence that is told of.
Batch make_batch(Sequence after, Records read) {
  SequenceRange range{after.next(), after};
  if (!read.entries.empty()) range.last = read.entries.back().sequence;
  if (!read.missing.empty()) range.last = std::max(range.last, read.missing.back().last);
  Batch batch;
  if (range.last == after) return batch;
  batch.spans.push_back(make_span(range));
  for (const auto& missing : read.missing) batch.missing.push_back(make_span(missing));
  CHECK(range.count() == read.entries.size() + count(batch.missing));
  auto records = std::make_shared<const Records>(std::move(read));
  batch.entries.reserve(records->entries.size());
  for (const auto& record : records->entries) batch.entries.push_back(make_entry(record));
  batch.bytes = std::move(records);
  return batch;
}

}  // namespace

EmbeddedConsumer::EmbeddedConsumer(const Log& log, Settlement& settlement)
    : log_(log), settlement_(settlement) {
  auto position = settlement.position();
  released_ = std::move(position.ranges);
  received_ = settled_ = position.prefix;
}

Sequence EmbeddedConsumer::skip_released(Sequence after) const {
  for (const auto& range : released_) {
    if (range.contains(after.next())) after = range.last;
  }
  return after;
}

void EmbeddedConsumer::keep_gap(Sequence after, Records& records) const {
  const auto next = std::ranges::upper_bound(released_, after, {}, &SequenceRange::first);
  if (next == released_.end()) return;
  std::erase_if(records.entries, [&](const auto& entry) { return entry.sequence >= next->first; });
  std::erase_if(records.missing, [&](const auto& range) { return range.first >= next->first; });
  if (!records.missing.empty()) {
    auto& last = records.missing.back().last;
    last = std::min(last, Sequence{next->first.value - 1});
  }
}

Result<Batch> EmbeddedConsumer::receive(BatchLimit limit, std::chrono::milliseconds wait) {
  const auto after = skip_released(received_);
  TRIBUTARY_ASSIGN(auto records, log_.read(after, limit));
  if (records.entries.empty() && records.missing.empty() && log_.wait(after, wait, {})) {
    TRIBUTARY_ASSIGN(records, log_.read(after, limit));
  }
  keep_gap(after, records);
  TRIBUTARY_TRY(stop_at_newer(records));
  auto batch = make_batch(after, std::move(records));
  if (!batch.empty()) received_ = {batch.spans.front().last};
  return batch;
}

Result<void> EmbeddedConsumer::settle(const Batch& batch, std::span<const Outcome> outcomes) {
  CHECK(outcomes.size() == batch.entries.size());
  if (batch.empty()) return {};
  const auto& span = batch.spans.front();
  const SequenceRange range{{span.first}, {span.last}};
  CHECK(range.first == skip_released(settled_).next());
  Totals ends;
  for (const auto& outcome : outcomes) ends.count(outcome.verdict);
  ends.count(Outcome::Verdict::rejected, count(batch.missing));
  TRIBUTARY_TRY(settlement_.settle(range, ends));
  settled_ = range.last;
  return {};
}

}  // namespace tributary::collector
