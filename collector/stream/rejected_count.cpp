#include "collector/stream/rejected_count.h"

#include <algorithm>

#include "shared/log/envelope.h"

namespace tributary::collector {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kSize = 1 + sizeof(std::uint64_t);

Bytes encode(std::uint64_t count) {
  Bytes data;
  append_le(data, kVersion);
  append_le(data, count);
  return data;
}

bool was_rejected_at_ingest(ByteView record) {
  const auto envelope = decode_envelope(record);
  return envelope && (envelope->flags & Envelope::kRejectedAtIngest) != 0;
}

}  // namespace

Result<std::unique_ptr<RejectedCount>> RejectedCount::load(Log& log) {
  std::unique_ptr<RejectedCount> loaded(new RejectedCount(log));
  TRIBUTARY_TRY(loaded->load_saved());
  TRIBUTARY_TRY(loaded->count_unsaved());
  return loaded;
}

Result<void> RejectedCount::load_saved() {
  const auto position = log_.position(kCursor);
  saved_ = counted_ = position.prefix;
  const auto& data = position.data;
  if (data.empty()) {
    if (saved_.value > 0)
      note_ = "the count of what was rejected at ingest begins anew: it was lost";
    return {};
  }
  if (const auto version = load_le<std::uint8_t>(data.data()); version != kVersion) {
    return fail(errc::unknown_version, "the count of what was rejected at ingest has version " +
                                           std::to_string(version) +
                                           "; this program knows version 1: use a newer one");
  }
  if (data.size() == kSize) {
    count_ = load_le<std::uint64_t>(data.data() + 1);
  } else {
    note_ = "the count of what was rejected at ingest begins anew: it has " +
            std::to_string(data.size()) + " bytes, not " + std::to_string(kSize);
  }
  return {};
}

Result<void> RejectedCount::count_unsaved() {
  for (;;) {
    TRIBUTARY_ASSIGN(const auto records, log_.read(counted_, BatchLimit{}));
    if (records.entries.empty()) return {};
    count_ += static_cast<std::uint64_t>(std::ranges::count_if(
        records.entries, [](const auto& entry) { return was_rejected_at_ingest(entry.payload); }));
    counted_ = records.entries.back().sequence;
  }
}

Result<Sequence> RejectedCount::append(ByteView record) {
  // One step for committed(): it must not miss a sequence that the log has and this list hasn't.
  const MutexLock lock(mutex_);
  TRIBUTARY_ASSIGN(const Sequence sequence, log_.append(record));
  uncommitted_.push_back(sequence);
  return sequence;
}

void RejectedCount::committed(Sequence through) {
  const MutexLock lock(mutex_);
  const auto end = std::ranges::upper_bound(uncommitted_, through);
  count_ += static_cast<std::uint64_t>(end - uncommitted_.begin());
  uncommitted_.erase(uncommitted_.begin(), end);
  counted_ = std::max(counted_, through);
}

Result<void> RejectedCount::save() {
  if (counted_ == saved_) return {};
  TRIBUTARY_TRY(log_.release(kCursor, {saved_.next(), counted_}, encode(value())));
  saved_ = counted_;
  return {};
}

}  // namespace tributary::collector
