#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <vector>

#include "collector/stream/kafka_client.h"
#include "collector/stream/kafka_headers.h"
#include "collector/stream/kafka_mailbox.h"
#include "shared/base/mutex.h"
#include "shared/base/thread.h"

namespace tributary::collector {

// The one idempotent producer client that all producers of a stream share, and the thread that
// hands out what it says of their records. It sends nothing until the keeper has seen both topics
// (renew()). After a fatal error, and when a topic was gone, it goes on with a new client; what the
// old one had on its way is reported as failed: it may be in the topic all the same.
//
// Ending it waits a few seconds for what is on its way.
class KafkaSender {
 public:
  explicit KafkaSender(KafkaContext& context);
  ~KafkaSender();
  KafkaSender(const KafkaSender&) = delete;
  KafkaSender& operator=(const KafkaSender&) = delete;

  std::shared_ptr<KafkaMailbox> open_mailbox(KafkaTopic& topic);

  struct Message {
    std::string_view key;
    std::string_view value;
    std::int32_t partition = RD_KAFKA_PARTITION_UA;
    KafkaHeaders headers;
    std::uint64_t token = 0;
  };
  // errc::queue_full: not now; errc::too_large: never. Any thread.
  Result<void> send(KafkaMailbox& mailbox, Message message);

  // The topics are there, and take batches of `batch_size_max`. Any thread.
  void renew(std::size_t batch_size_max);

 private:
  // A client with its topics, and how large its batches are.
  struct Connection {
    std::shared_ptr<KafkaClient> client;
    KafkaPtr<rd_kafka_topic_t> events;
    KafkaPtr<rd_kafka_topic_t> dead_letters;
    std::size_t batch_size_max = 0;
    std::atomic<bool> broken = false;  // it must be replaced
  };

  void run(const std::stop_token& stop);
  [[nodiscard]] bool must_replace() const;
  Result<void> replace();
  Result<std::shared_ptr<Connection>> connect(std::size_t batch_size_max) const;
  void serve(Connection& connection, std::chrono::milliseconds wait);
  void deliver(Connection& connection, rd_kafka_event_t* event);
  // Does what the failure of a record asks for.
  void take_failure(Connection& connection, KafkaTopic& topic, rd_kafka_resp_err_t error);
  void forget(KafkaMailbox::Amount ended);
  // Waits for what is on its way, but not for long, and gives up the rest.
  void finish(Connection& connection, std::chrono::milliseconds time);

  KafkaContext& context_;
  Histogram& delivery_seconds_;

  Mutex mailboxes_mutex_;
  std::vector<std::shared_ptr<KafkaMailbox>> mailboxes_ TRIBUTARY_GUARDED_BY(mailboxes_mutex_);

  mutable std::shared_mutex connection_mutex_;  // guards what follows; shared: sending
  std::condition_variable_any renewed_;
  std::shared_ptr<Connection> connection_;  // null: there is none
  std::size_t batch_size_max_ = 0;          // what the topics take; 0: they aren't there yet

  Thread thread_;  // last: it uses the rest
};

}  // namespace tributary::collector
