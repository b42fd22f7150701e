#pragma once

#include <chrono>

#include "collector/stream/kafka_client.h"

namespace tributary::collector {

// Questions about the offsets of some partitions, each one request to each broker asked. The
// answers are in the list; an error with one partition is that of all.

// What the client's group committed: offset (RD_KAFKA_OFFSET_INVALID: nothing) and metadata.
Result<void> read_committed(KafkaClient& client, const KafkaPartitionList& list,
                            std::chrono::milliseconds timeout);

// Where the partitions begin or end now: RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END, the
// offset behind the last record.
Result<void> read_offsets(KafkaClient& client, const KafkaPartitionList& list, std::int64_t which,
                          std::chrono::milliseconds timeout);

std::string_view metadata_of(const rd_kafka_topic_partition_t& partition);
// The partition's own copy.
void set_metadata(rd_kafka_topic_partition_t& partition, std::string_view metadata);

}  // namespace tributary::collector
