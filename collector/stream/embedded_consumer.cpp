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

std::uint64_t count(const std::vector<SequenceRange>& ranges) {
  std::uint64_t sequences = 0;
  for (const auto& range : ranges) sequences += range.count();
  return sequences;
}

// What was read after `after`, as far as the last sequence that is told of.
Batch make_batch(Sequence after, Records records) {
  Batch batch;
  batch.range = {after.next(), after};
  if (!records.entries.empty()) batch.range.last = records.entries.back().sequence;
  if (!records.missing.empty()) {
    batch.range.last = std::max(batch.range.last, records.missing.back().last);
  }
  CHECK(batch.range.count() == records.entries.size() + count(records.missing));
  batch.entries.reserve(records.entries.size());
  for (const auto& record : records.entries) batch.entries.push_back(make_entry(record));
  batch.missing = std::move(records.missing);
  batch.records = std::move(records);
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
  auto batch = make_batch(after, std::move(records));
  received_ = batch.range.last;
  return batch;
}

Result<void> EmbeddedConsumer::settle(const Batch& batch, std::span<const Outcome> outcomes) {
  CHECK(outcomes.size() == batch.entries.size());
  if (batch.empty()) return {};
  CHECK(batch.range.first == skip_released(settled_).next());
  Totals ends;
  for (const auto& outcome : outcomes) ends.count(outcome.verdict);
  ends.count(Outcome::Verdict::rejected, count(batch.missing));
  TRIBUTARY_TRY(settlement_.settle(batch.range, ends));
  settled_ = batch.range.last;
  return {};
}

}  // namespace tributary::collector
