#pragma once

#include "collector/stream/kafka_client.h"

namespace tributary::collector {

// Sees to it that the stream's topics exist, and fills in what the context says of them. Missing
// ones are made as the options say. An error says what an operator must mend; errc::not_found:
// they were made just now, look again. `client` is a consumer: asking for a topic as a producer
// could have the broker make it, in its own way. Waits for the cluster, but not for long.
Result<void> ensure_kafka_topics(KafkaContext& context, KafkaClient& client);

}  // namespace tributary::collector
