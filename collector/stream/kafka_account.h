#pragma once

#include <cstdint>
#include <map>

#include "collector/outcome.h"
#include "collector/stream/kafka_rejected.h"

namespace tributary::collector {

// The account of a stream, and the lag of each partition, as of one reading.
struct KafkaReading {
  Account account;
  std::map<std::int32_t, std::uint64_t> lags;
};

// Reads the account from the cluster, whoever settles the records. Thread of the keeper.
class KafkaAccount {
 public:
  // `client` belongs to the stream's group, and never joins it.
  KafkaAccount(KafkaContext& context, KafkaClient& client)
      : context_(context), client_(client), rejected_(context) {}

  // errc::unknown_version: the totals are those of a newer program. errc::not_found: a topic is
  // gone.
  Result<KafkaReading> read();

 private:
  Result<void> add_partitions(KafkaReading& to, std::int64_t& dead_letters_end);

  KafkaContext& context_;
  KafkaClient& client_;
  KafkaRejectedCount rejected_;
};

}  // namespace tributary::collector
