#pragma once

#include <memory>

#include "collector/stream/kafka_sender.h"
#include "collector/stream/stream.h"

namespace tributary::collector {

// One thread's way into one of a stream's two topics, through the sender that all of them share.
class KafkaProducer final : public Producer {
 public:
  // `topic` is one of the context's.
  KafkaProducer(KafkaContext& context, KafkaSender& sender, KafkaTopic& topic);
  ~KafkaProducer() override;
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;

  Result<void> append(const Record& record) override;
  std::vector<Delivery> poll(std::chrono::milliseconds wait) override;

 private:
  Result<void> append_event(const Record& record);
  Result<void> append_dead_letter(const Record& record);

  KafkaContext& context_;
  KafkaSender& sender_;
  const std::shared_ptr<KafkaMailbox> mailbox_;
};

}  // namespace tributary::collector
