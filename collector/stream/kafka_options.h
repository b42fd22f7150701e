#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "shared/base/result.h"

namespace tributary::collector {

// A Kafka cluster, and how the collector uses it: what all pipelines on it share.
struct KafkaOptions {
  std::string brokers{};  // "host:port,host:port"

  std::string user{};  // with a password: SASL
  std::string password{};
  std::string mechanism = "SCRAM-SHA-512";  // or SCRAM-SHA-256, PLAIN

  struct Tls {
    bool enabled = false;
    std::string ca_file;  // empty: the system's
    std::string certificate_file;
    std::string key_file;
  } tls{};

  // Of topics that are made because they are missing; those that exist stay as they are.
  int partitions = 3;
  int replication = -1;  // -1: the broker's default
  std::chrono::hours retention{30 * 24};
  std::uint64_t dead_letters_size_max = 1U << 30;

  std::uint64_t queue_size =
      64U << 20;  // bytes that wait to be sent; full: producers get queue_full
  // The largest event that a dead letter keeps whole, where the topic allows it.
  std::size_t dead_letter_event_size_max = 8U << 20;

  // librdkafka's own, in its names. They go over our defaults, but not over what the promises rest
  // on: check_kafka_options() refuses those, and what librdkafka doesn't know.
  std::map<std::string, std::string> properties{};
};

// "kafka://host:port,host:port" → "host:port,host:port"; a missing port is 9092.
// errc::invalid_argument.
Result<std::string> parse_kafka_url(const std::string& url);

// errc::invalid_argument with the property and why, without its value: it may be a secret.
Result<void> check_kafka_options(const KafkaOptions& options);

}  // namespace tributary::collector
