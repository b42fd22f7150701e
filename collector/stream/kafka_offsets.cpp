#include "collector/stream/kafka_offsets.h"

#include <cstring>

namespace tributary::collector {
namespace {

Result<void> check_each(const KafkaPartitionList& list, std::string_view doing) {
  for (const auto& partition : elements(list)) {
    if (partition.err != RD_KAFKA_RESP_ERR_NO_ERROR) return fail_kafka(partition.err, doing);
  }
  return {};
}

}  // namespace

Result<void> read_committed(KafkaClient& client, const KafkaPartitionList& list,
                            std::chrono::milliseconds timeout) {
  constexpr std::string_view kDoing = "can't read what the group committed";
  const auto error = rd_kafka_committed(client.get(), list.get(), to_timeout_ms(timeout));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail_kafka(error, kDoing);
  return check_each(list, kDoing);
}

Result<void> read_offsets(KafkaClient& client, const KafkaPartitionList& list, std::int64_t which,
                          std::chrono::milliseconds timeout) {
  constexpr std::string_view kDoing = "can't read where the topic begins and ends";
  if (list->cnt == 0) return {};
  // A time of -1 or -2 asks for the end or the beginning:
  // https://kafka.apache.org/protocol#The_Messages_ListOffsets
  for (auto& partition : elements(list)) partition.offset = which;
  const auto error = rd_kafka_offsets_for_times(client.get(), list.get(), to_timeout_ms(timeout));
  TRIBUTARY_TRY(check_each(list, kDoing));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail_kafka(error, kDoing);
  return {};
}

std::string_view metadata_of(const rd_kafka_topic_partition_t& partition) {
  return {static_cast<const char*>(partition.metadata), partition.metadata_size};
}

void set_metadata(rd_kafka_topic_partition_t& partition, std::string_view metadata) {
  rd_kafka_mem_free(nullptr, partition.metadata);
  partition.metadata = rd_kafka_mem_malloc(nullptr, metadata.size());
  partition.metadata_size = metadata.size();
  std::memcpy(partition.metadata, metadata.data(), metadata.size());
}

}  // namespace tributary::collector
