#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <system_error>
#include <vector>

#include "collector/stream/kafka_context.h"
#include "collector/stream/stream.h"
#include "shared/base/mutex.h"

namespace tributary::collector {

// The records of one producer that are on their way, and the deliveries that it hasn't asked for.
// The producer's thread puts records in, the thread that hears of deliveries takes them out.
class KafkaMailbox {
 public:
  // One record on its way: what librdkafka carries through for us. Used again and again.
  struct Slot {
    KafkaMailbox* mailbox = nullptr;
    std::uint64_t token = 0;
    std::size_t size = 0;
    bool in_flight = false;
  };
  struct End {
    Slot* slot = nullptr;
    std::error_code error;
  };

  explicit KafkaMailbox(KafkaTopic& topic) : topic_(topic) {}

  // Null when the producer has too many records that it hasn't polled for.
  Slot* put_in(std::uint64_t token, std::size_t size);
  // The record was not sent after all.
  void take_back(Slot* slot);
  struct Amount {
    std::size_t records = 0;
    std::size_t bytes = 0;
  };
  // All of them are slots of this mailbox.
  Amount deliver(const std::vector<End>& ends);
  // Every record that is on its way failed.
  Amount fail_all(std::error_code error);

  std::vector<Delivery> poll(std::chrono::milliseconds wait);

  // Nobody polls any more.
  void close();
  [[nodiscard]] bool is_done() const;  // closed, and nothing is on its way

  [[nodiscard]] KafkaTopic& topic() const { return topic_; }

 private:
  void end(Slot& slot, std::error_code error, Amount& ended) TRIBUTARY_REQUIRES(mutex_);

  KafkaTopic& topic_;
  mutable Mutex mutex_;
  Condition delivered_;
  std::deque<Slot> slots_ TRIBUTARY_GUARDED_BY(mutex_);  // they stay where they are
  std::vector<Slot*> free_ TRIBUTARY_GUARDED_BY(mutex_);
  std::vector<Delivery> deliveries_ TRIBUTARY_GUARDED_BY(mutex_);
  bool closed_ TRIBUTARY_GUARDED_BY(mutex_) = false;
};

}  // namespace tributary::collector
