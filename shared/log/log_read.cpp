// Log: read.

#include <algorithm>
#include <tuple>

#include "shared/base/mutex.h"
#include "shared/log/log_impl.h"

namespace tributary {

// The records of one read, as they come.
class Log::Impl::Collector {
 public:
  Collector(Sequence after, BatchLimit limit) : at_(after), limit_(limit) {}

  [[nodiscard]] Sequence at() const { return at_; }
  [[nodiscard]] bool full() const { return records_.entries.size() >= limit_.records; }

  // False when there is no more room.
  bool add(Sequence sequence, ByteView payload) {
    auto& [entries, missing, storage] = records_;
    if (full() || (!entries.empty() && storage.size() + payload.size() > limit_.bytes))
      return false;
    skip_to(sequence);
    if (gap_) missing.push_back(*gap_);
    gap_.reset();
    entries.push_back({sequence, payload});
    storage.insert(storage.end(), payload.begin(), payload.end());
    at_ = sequence;
    return true;
  }

  // The log doesn't have what is before `sequence`.
  void skip_to(Sequence sequence) {
    if (sequence <= at_.next()) return;
    const SequenceRange gap{gap_ ? gap_->first : at_.next(), {sequence.value - 1}};
    gap_ = gap;
    at_ = gap.last;
  }

  Records finish() {
    auto& [entries, missing, storage] = records_;
    if (entries.empty() && gap_) missing.push_back(*gap_);
    std::size_t at = 0;
    for (auto& entry : entries) {
      entry.payload = ByteView(storage).subspan(at, entry.payload.size());
      at += entry.payload.size();
    }
    return std::move(records_);
  }

 private:
  Sequence at_;
  const BatchLimit limit_;
  Records records_;
  std::optional<SequenceRange> gap_;  // told once a record comes after it
};

Result<Records> Log::Impl::read(Sequence after, BatchLimit limit) {
  Collector collector(after, limit);
  while (!collector.full()) {
    const auto view = view_after(collector.at());
    if (!view) break;
    collector.skip_to(view->first);
    TRIBUTARY_ASSIGN(const bool more, read_segment(*view, collector));
    if (!more) return collector.finish();
  }
  if (!collector.full()) {
    const MutexLock lock(mutex_);
    if (segments_.empty() || segments_.back()->last <= collector.at()) {
      collector.skip_to(committed_.next());
    }
  }
  return collector.finish();
}

std::optional<Log::Impl::View> Log::Impl::view_after(Sequence at) const {
  const MutexLock lock(mutex_);
  const auto found = std::ranges::upper_bound(segments_, at, std::ranges::less(),
                                              [](const auto& segment) { return segment->last; });
  if (found == segments_.end()) return std::nullopt;
  const auto& segment = *found;
  const auto place = segment->place_before(at.next());
  return View{.segment = segment,
              .file = segment->file,
              .name = segment->name(),
              .first = segment->first,
              .last = segment->last,
              .range = {.begin = place.offset,
                        .end = segment->end,
                        .expected = place.sequence,
                        .before = segment->last.next()}};
}

// False when the collector took less than there is.
Result<bool> Log::Impl::read_segment(const View& view, Collector& to) {
  auto file = view.file;
  if (!file) {
    auto opened = files_.open(options_.directory / view.name, OpenMode::read);
    if (!opened) {
      const MutexLock lock(mutex_);
      if (std::ranges::find(segments_, view.segment) != segments_.end()) {
        return std::unexpected(std::move(opened).error());
      }
      to.skip_to(view.last.next());  // removed meanwhile
      return true;
    }
    file = std::move(*opened);
  }
  SegmentScan scan(*file, format_, view.range,
                   view.segment->unreadable ? SegmentScan::OnUnreadable::take_as_zeros
                                            : SegmentScan::OnUnreadable::fail);
  for (;;) {
    TRIBUTARY_ASSIGN(const auto found, scan.next());
    if (found.kind == Found::Kind::end || found.kind == Found::Kind::tail) break;
    if (found.kind == Found::Kind::damage || found.sequence <= to.at()) continue;
    if (found.kind == Found::Kind::bad_payload) {
      found_damaged(view, found);
    } else if (!to.add(found.sequence, found.payload)) {
      return false;
    }
  }
  to.skip_to(view.last.next());
  return true;
}

void Log::Impl::found_damaged(const View& view, const Found& found) {
  {
    const MutexLock lock(mutex_);
    if (!view.segment->add_missing({found.sequence, found.sequence})) return;
    ++damaged_records_;
  }
  std::ignore = damaged_->keep(view.name, found.offset, found.size);
}

}  // namespace tributary
