#pragma once

#include <memory>
#include <string>

#include "collector/stream/kafka_options.h"
#include "collector/stream/stream.h"
#include "shared/base/clock.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

struct KafkaStreamOptions {
  KafkaOptions cluster;
  std::string pipeline;  // for metrics and log lines
  std::string topic;     // and <topic>.dead
  std::string group;
  bool dead_letters_only = false;  // no topic but <topic>.dead: for what belongs to no pipeline
};

// A stream that is a Kafka topic, with its dead letters in <topic>.dead. Opening never waits for
// the cluster: while it is away producers get queue_full once the queue is full, receive() gives
// errors, account() what was known last, and health() says so. Missing topics are made before
// anything is produced to them.
//
// Totals are in the metadata of the group's commits (TOTALS.md). As many consumers as wanted, in
// as many processes, share the partitions of a group.
//
// errc::invalid_argument for options that check_kafka_options() refuses. `clock` and `metrics` must
// outlive the stream.
Result<std::unique_ptr<Stream>> open_kafka_stream(KafkaStreamOptions options, const Clock& clock,
                                                  Metrics& metrics);

}  // namespace tributary::collector
