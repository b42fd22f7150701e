#pragma once

#include <cstddef>
#include <cstdint>

#include "collector/stream/kafka_client.h"
#include "shared/log/envelope.h"

namespace tributary::collector {

// The headers of a record (DESIGN.md, section 6) as librdkafka takes them, and how much the record
// takes in a batch with them, at most.
struct KafkaHeaders {
  KafkaPtr<rd_kafka_headers_t> headers;
  std::size_t record_size = 0;  // with key and value
};
// Of an envelope whose flags say kDeadLetter: with the headers of a dead letter.
KafkaHeaders make_headers(const Envelope& envelope, std::size_t key_size);

// What a record carries; the views point into the message. A record of somebody else has none of
// our headers: its time is when Kafka got it. One without a value has an empty event.
Envelope read_envelope(const rd_kafka_message_t& message);

// The same of a record in the topic of dead letters: the flags say whether it was in a stream.
Envelope read_dead_letter(const rd_kafka_message_t& message);

// When Kafka got the record (or the sender sent it, as the topic is set up), in ms since 1970; -1:
// unknown.
std::int64_t timestamp_ms(const rd_kafka_message_t& message);

}  // namespace tributary::collector
