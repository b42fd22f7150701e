#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>

#include "collector/stream/kafka_client.h"
#include "collector/stream/kafka_turn.h"

namespace tributary::collector {

// One membership in the stream's group: which partitions are ours, and their records. A failure
// ends it: the consumer then makes a new one. Ending it leaves the group, waiting a moment for the
// cluster. One thread.
class KafkaMember {
 public:
  // `turns` numbers the turns of all memberships of one consumer.
  static Result<std::unique_ptr<KafkaMember>> join(KafkaContext& context, std::uint64_t& turns);
  ~KafkaMember();
  KafkaMember(const KafkaMember&) = delete;
  KafkaMember& operator=(const KafkaMember&) = delete;

  // Does what the group asks for, without waiting for anything but answers about new partitions.
  Result<void> serve();

  // Our turn at the partition; null: it isn't ours.
  KafkaTurn* find(std::int32_t partition);
  [[nodiscard]] std::map<std::int32_t, KafkaTurn>& turns() { return turns_; }

  // The next record of ours; null when none came within `wait`. An error: this membership is over.
  Result<const rd_kafka_message_t*> peek(std::chrono::milliseconds wait);
  // The record that peek() gave; it must not outlive client().
  KafkaPtr<rd_kafka_message_t> take();

  // Durable on return: offsets and metadata of the list.
  Result<void> commit(const KafkaPartitionList& list);

  [[nodiscard]] const std::shared_ptr<KafkaClient>& client() const { return client_; }

 private:
  KafkaMember(KafkaContext& context, std::uint64_t& turns, std::shared_ptr<KafkaClient> client);
  Result<void> rebalance(rd_kafka_event_t* event);
  Result<void> assign(const rd_kafka_topic_partition_list_t& partitions);
  Result<void> begin_turn(KafkaTurn::Beginning beginning, std::string_view metadata);
  Result<void> revoke(const rd_kafka_topic_partition_list_t& partitions);
  void await_first_assignment();
  void note(const std::string& text);
  // Nothing when the error is passing.
  Result<void> take_error(rd_kafka_resp_err_t error, std::string_view text, bool is_fatal);
  Result<void> take_message_error(const rd_kafka_message_t& message);
  void fill(std::chrono::milliseconds wait);
  void fetch_on();

  KafkaContext& context_;
  std::uint64_t& turn_numbers_;
  const std::shared_ptr<KafkaClient> client_;
  KafkaPtr<rd_kafka_queue_t> records_;  // those of all our partitions
  std::map<std::int32_t, KafkaTurn> turns_;
  std::deque<KafkaPtr<rd_kafka_message_t>> waiting_;  // out of records_, at most kChunk
  bool was_assigned_ = false;  // some partitions, or none
  std::size_t records_taken_ = 0;  // since the last fetch_on() that did something
  std::size_t bytes_taken_ = 0;
};

}  // namespace tributary::collector
