#pragma once

#include <memory>
#include <optional>

#include "collector/stream/kafka_member.h"
#include "collector/stream/stream.h"
#include "shared/base/backoff.h"

namespace tributary::collector {

// The way out of a Kafka stream: one membership in the group after the other, with backoff between
// them. Totals move in the same commit as the offset.
class KafkaConsumer final : public Consumer {
 public:
  explicit KafkaConsumer(KafkaContext& context);
  ~KafkaConsumer() override;
  KafkaConsumer(const KafkaConsumer&) = delete;
  KafkaConsumer& operator=(const KafkaConsumer&) = delete;

  Result<Batch> receive(BatchLimit limit, std::chrono::milliseconds wait) override;
  Result<void> settle(const Batch& batch, std::span<const Outcome> outcomes) override;
  void keep_alive() override;

 private:
  // Joins the group when it is time to; waits a moment for that at most.
  Result<void> ensure_member(std::chrono::milliseconds wait);
  void leave(Error why);
  [[nodiscard]] std::unexpected<Error> fail_as_left() const;
  // Does what the group asks for; that may end the membership.
  void serve();
  Result<Batch> take_batch(BatchLimit limit);
  void tell_age();

  KafkaContext& context_;
  std::uint64_t turns_ = 0;
  std::unique_ptr<KafkaMember> member_;
  Backoff backoff_;
  std::chrono::nanoseconds join_at_{};
  std::optional<Error> left_because_;
};

}  // namespace tributary::collector
