#include "collector/stream/embedded_producer.h"

#include <algorithm>

#include "collector/stream/dead_letter.h"
#include "shared/event/event.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kInFlightMax = 65'536;

}  // namespace

EmbeddedProducer::EmbeddedProducer(Log& log, Committer& committer, RejectedCount* rejected)
    : log_(log), committer_(committer), rejected_(rejected) {}

Result<void> EmbeddedProducer::append(const Record& record) {
  if (in_flight_.size() >= kInFlightMax) {
    return fail(errc::queue_full, "too many records of this producer wait to be polled");
  }
  const auto sequence =
      rejected_ == nullptr ? append_encoded(record.envelope) : append_dead_letter(record.envelope);
  if (!sequence) {
    const auto& error = sequence.error();
    if (error == errc::log_full) return fail(errc::queue_full, error.context());
    return std::unexpected(error);
  }
  in_flight_.push_back({*sequence, record.token});
  committer_.wake();
  return {};
}

Result<Sequence> EmbeddedProducer::append_encoded(const Envelope& envelope) {
  encoded_.clear();
  encode(envelope, encoded_);
  return log_.append(encoded_);
}

Result<Sequence> EmbeddedProducer::append_dead_letter(const Envelope& envelope) {
  const DeadLetterRecord record(envelope, kEventSizeMax);
  if ((record.envelope().flags & Envelope::kRejectedAtIngest) == 0) {
    return append_encoded(record.envelope());
  }
  encoded_.clear();
  encode(record.envelope(), encoded_);
  return rejected_->append(encoded_);
}

std::vector<Delivery> EmbeddedProducer::poll(std::chrono::milliseconds wait) {
  // With nothing in flight nothing can come; waiting all the same keeps a caller's loop from
  // spinning.
  const auto first = in_flight_.empty() ? Sequence{UINT64_MAX} : in_flight_.front().sequence;
  const auto durable = committer_.wait_durable(first, wait);
  const auto end = std::ranges::upper_bound(in_flight_, durable, {}, &InFlight::sequence);

  std::vector<Delivery> deliveries;
  deliveries.reserve(static_cast<std::size_t>(end - in_flight_.begin()));
  for (auto done = in_flight_.begin(); done != end; ++done) {
    deliveries.push_back({done->token, {}});
  }
  in_flight_.erase(in_flight_.begin(), end);
  return deliveries;
}

}  // namespace tributary::collector
