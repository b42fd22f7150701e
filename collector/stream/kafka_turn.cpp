#include "collector/stream/kafka_turn.h"

#include <utility>

#include "collector/stream/kafka_totals.h"
#include "shared/base/check.h"

namespace tributary::collector {

KafkaTurn::KafkaTurn(const Beginning& beginning)
    : partition_(beginning.partition), turn_(beginning.turn), totals_(beginning.totals) {
  received_ = beginning.committed.value_or(beginning.low);
  if (received_ > beginning.high) {
    is_anew_ = true;
    received_ = beginning.low;
  }
  spanned_ = settled_ = received_;
  if (received_ < beginning.low) {
    missing_.push_back(
        {.partition = partition_, .first = received_, .last = beginning.low - 1, .turn = turn_});
    received_ = beginning.low;
  }
}

std::vector<Batch::Span> KafkaTurn::take_missing() { return std::exchange(missing_, {}); }

bool KafkaTurn::receive(std::uint64_t offset, std::int64_t timestamp_ms) {
  if (offset < received_) return false;
  if (std::exchange(loses_next_, false) && offset > received_) {
    missing_.push_back(
        {.partition = partition_, .first = received_, .last = offset - 1, .turn = turn_});
  }
  if (received_ == spanned_ || oldest_ms_ == 0) oldest_ms_ = timestamp_ms;
  received_ = offset + 1;
  return true;
}

std::optional<Batch::Span> KafkaTurn::take_span() {
  if (received_ == spanned_) return std::nullopt;
  const Batch::Span span{
      .partition = partition_, .first = spanned_, .last = received_ - 1, .turn = turn_};
  unsettled_.push_back({span.last, std::exchange(oldest_ms_, 0)});
  spanned_ = received_;
  return span;
}

Totals KafkaTurn::totals_after(const Batch::Span& span, const Totals& ends) const {
  CHECK(span.turn == turn_ && span.first == settled_ && span.last < spanned_);
  auto totals = totals_;
  add(totals, ends);
  return totals;
}

void KafkaTurn::settle(const Batch::Span& span, const Totals& totals) {
  CHECK(span.turn == turn_ && span.first == settled_);
  settled_ = span.last + 1;
  totals_ = totals;
  while (!unsettled_.empty() && unsettled_.front().last < settled_) unsettled_.pop_front();
}

std::optional<std::int64_t> KafkaTurn::oldest_ms() const {
  for (const auto& span : unsettled_) {
    if (span.oldest_ms > 0) return span.oldest_ms;
  }
  return std::nullopt;
}

}  // namespace tributary::collector
