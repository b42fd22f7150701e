#include "collector/stream/kafka_context.h"

#include <algorithm>

namespace tributary::collector {
namespace {

constexpr std::size_t kNotesMax = 5;

void add_sentence(std::string& to, const std::string& sentence) {
  if (sentence.empty()) return;
  if (!to.empty()) to += "; ";
  to += sentence;
}

}  // namespace

void KafkaHealth::set(const std::string& part, HealthCheck check) {
  const MutexLock lock(mutex_);
  parts_.insert_or_assign(part, std::move(check));
}

void KafkaHealth::up(const std::string& part) {
  const MutexLock lock(mutex_);
  parts_.erase(part);
}

void KafkaHealth::note(std::string text) {
  const MutexLock lock(mutex_);
  if (std::ranges::find(notes_, text) != notes_.end()) return;
  if (notes_.size() == kNotesMax) notes_.erase(notes_.begin());
  notes_.push_back(std::move(text));
}

bool KafkaHealth::is_down(const std::string& part) const {
  const MutexLock lock(mutex_);
  const auto found = parts_.find(part);
  return found != parts_.end() && !found->second.up;
}

std::string KafkaHealth::detail(const std::string& part) const {
  const MutexLock lock(mutex_);
  const auto found = parts_.find(part);
  return found == parts_.end() ? std::string() : found->second.detail;
}

HealthCheck KafkaHealth::check() const {
  const MutexLock lock(mutex_);
  HealthCheck all;
  for (const auto& [part, check] : parts_) {
    if (!check.up) add_sentence(all.detail, check.detail);
    all.up = all.up && check.up;
  }
  if (!all.up) return all;
  for (const auto& [part, check] : parts_) add_sentence(all.detail, check.detail);
  for (const auto& note : notes_) add_sentence(all.detail, note);
  all.warning = !all.detail.empty();
  return all;
}

}  // namespace tributary::collector
