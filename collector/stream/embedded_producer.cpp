#include "collector/stream/embedded_producer.h"

#include <algorithm>

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
  encoded_.clear();
  encode(record.envelope, encoded_);
  const bool counts =
      rejected_ != nullptr && (record.envelope.flags & Envelope::kRejectedAtIngest) != 0;
  const auto sequence = counts ? rejected_->append(encoded_) : log_.append(encoded_);
  if (!sequence) {
    const auto& error = sequence.error();
    if (error == errc::log_full) return fail(errc::queue_full, error.context());
    return std::unexpected(error);
  }
  in_flight_.push_back({*sequence, record.token});
  committer_.wake();
  return {};
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
