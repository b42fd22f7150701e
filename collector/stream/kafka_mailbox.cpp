#include "collector/stream/kafka_mailbox.h"

#include <algorithm>
#include <utility>

namespace tributary::collector {
namespace {

constexpr std::size_t kRecordsMax = 131'072;

}  // namespace

KafkaMailbox::Slot* KafkaMailbox::put_in(std::uint64_t token, std::size_t size) {
  const MutexLock lock(mutex_);
  const auto in_flight = slots_.size() - free_.size();
  if (in_flight + deliveries_.size() >= kRecordsMax) return nullptr;
  if (free_.empty()) free_.push_back(&slots_.emplace_back());
  auto* const slot = free_.back();
  free_.pop_back();
  *slot = {.mailbox = this, .token = token, .size = size, .in_flight = true};
  return slot;
}

void KafkaMailbox::take_back(Slot* slot) {
  const MutexLock lock(mutex_);
  slot->in_flight = false;
  free_.push_back(slot);
}

void KafkaMailbox::end(Slot& slot, std::error_code error, Amount& ended) {
  slot.in_flight = false;
  ++ended.records;
  ended.bytes += slot.size;
  if (!closed_) deliveries_.push_back({slot.token, error});
  free_.push_back(&slot);
}

KafkaMailbox::Amount KafkaMailbox::deliver(const std::vector<End>& ends) {
  Amount ended;
  // Under the lock to the end: once it is_done() another thread may destroy this.
  const MutexLock lock(mutex_);
  for (const auto& [slot, error] : ends) end(*slot, error, ended);
  delivered_.notify_one();
  return ended;
}

KafkaMailbox::Amount KafkaMailbox::fail_all(std::error_code error) {
  Amount ended;
  const MutexLock lock(mutex_);
  for (auto& slot : slots_) {
    if (slot.in_flight) end(slot, error, ended);
  }
  delivered_.notify_one();
  return ended;
}

std::vector<Delivery> KafkaMailbox::poll(std::chrono::milliseconds wait) {
  MutexLock lock(mutex_);
  delivered_.wait_for(lock, wait,
                      [this]() TRIBUTARY_REQUIRES(mutex_) { return !deliveries_.empty(); });
  return std::exchange(deliveries_, {});
}

void KafkaMailbox::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  deliveries_.clear();
}

bool KafkaMailbox::is_done() const {
  const MutexLock lock(mutex_);
  return closed_ && free_.size() == slots_.size();
}

}  // namespace tributary::collector
