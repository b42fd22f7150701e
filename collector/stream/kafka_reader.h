#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "collector/stream/kafka_client.h"

namespace tributary::collector {

// Reads the topic of dead letters from any offset, outside of any group's work: one thread.
class KafkaReader {
 public:
  // `group` is whose offsets the client may read and commit.
  static Result<std::unique_ptr<KafkaReader>> open(KafkaContext& context, const std::string& group);

  // Shows the records from `from` on, until `visit` returns false or there are no more; those that
  // are gone already are passed over. The offset behind the last one shown, or the topic's end.
  // errc::not_found: there is no such topic; errc::timed_out: nothing came for a while, call again
  // from behind what was shown.
  using Visit = std::function<bool(const rd_kafka_message_t& message)>;
  Result<std::int64_t> read(std::int64_t from, const Visit& visit);

  // The offset behind the topic's last record.
  Result<std::int64_t> end();

  [[nodiscard]] KafkaClient& client() { return *client_; }

 private:
  KafkaReader(KafkaContext& context, std::shared_ptr<KafkaClient> client);
  Result<void> start(std::int64_t from);
  void stop();
  // The range of offsets that can be read; moves `from` into it. False: there is nothing behind it.
  Result<bool> find_beginning(std::int64_t& from);

  KafkaContext& context_;
  const std::shared_ptr<KafkaClient> client_;
  KafkaPtr<rd_kafka_queue_t> records_;
};

}  // namespace tributary::collector
