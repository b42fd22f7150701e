#include "edge/buffer_export.h"

#include <algorithm>

#include "edge/publish/outbox.h"
#include "shared/log/envelope.h"
#include "shared/log/position.h"

namespace tributary::edge {
namespace {

constexpr BatchLimit kPiece{.records = 1000, .bytes = 64U << 10};

}  // namespace

BufferExport::BufferExport(const std::vector<Buffer*>& buffers) {
  for (auto* buffer : buffers) {
    auto& log = buffer->log();
    auto released = log.position(kPublisherCursor);
    const auto after = released.prefix;
    parts_.push_back({.log = &log,
                      .released = std::move(released),
                      .after = after,
                      .last = log.stats().committed});
  }
}

Result<std::string> BufferExport::next() {
  while (part_ < parts_.size()) {
    TRIBUTARY_ASSIGN(auto lines, read(parts_[part_]));
    if (!lines.empty()) return lines;
    if (parts_[part_].after >= parts_[part_].last) ++part_;
  }
  return std::string();
}

std::string BufferExport::report() const {
  return R"({"exported":)" + std::to_string(exported_) + R"(,"missing":)" +
         std::to_string(missing_) + "}";
}

Result<std::string> BufferExport::read(Part& part) {
  std::string lines;
  if (part.after >= part.last) return lines;
  TRIBUTARY_ASSIGN(const auto records, part.log->read(part.after, kPiece));
  auto through = part.last;
  if (!records.entries.empty()) through = std::min(through, records.entries.back().sequence);
  for (const auto& record : records.entries) {
    if (record.sequence > part.last || part.released.released(record.sequence)) continue;
    if (const auto envelope = decode_envelope(record.payload)) {
      lines.append(envelope->event) += '\n';
      ++exported_;
    } else {
      ++missing_;
    }
  }
  count_missing(part, records.missing);
  part.after = through;
  return lines;
}

// What was released by now was delivered.
void BufferExport::count_missing(const Part& part, const std::vector<SequenceRange>& ranges) {
  if (ranges.empty()) return;
  const auto released = part.log->position(kPublisherCursor);
  for (auto range : ranges) {
    range.last = std::min(range.last, part.last);
    if (range.last < range.first) continue;
    missing_ += range.count() - count_released(released, range);
  }
}

}  // namespace tributary::edge
