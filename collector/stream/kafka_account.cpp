#include "collector/stream/kafka_account.h"

#include <algorithm>
#include <optional>

#include "collector/stream/kafka_offsets.h"
#include "collector/stream/kafka_totals.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeout = 3s;

}  // namespace

Result<KafkaReading> KafkaAccount::read() {
  KafkaReading reading;
  std::int64_t dead_letters_end = 0;
  TRIBUTARY_TRY(add_partitions(reading, dead_letters_end));
  TRIBUTARY_ASSIGN(const auto rejected, rejected_.count(dead_letters_end));
  auto& account = reading.account;
  account.totals.rejected += rejected;
  account.records = account.totals.settled() + account.lag;
  return reading;
}

// What is committed is asked for before the ends are: so no end is before what was settled.
Result<void> KafkaAccount::add_partitions(KafkaReading& to, std::int64_t& dead_letters_end) {
  const auto& topic = context_.events.name;
  const auto committed = make_partition_list();
  for (std::int32_t partition = 0; partition < context_.events.partitions; ++partition) {
    rd_kafka_topic_partition_list_add(committed.get(), topic.c_str(), partition);
  }
  if (committed->cnt > 0) TRIBUTARY_TRY(read_committed(client_, committed, kTimeout));

  const KafkaPartitionList ends(rd_kafka_topic_partition_list_copy(committed.get()));
  rd_kafka_topic_partition_list_add(ends.get(), context_.dead_letters.name.c_str(), 0);
  TRIBUTARY_TRY(read_offsets(client_, ends, RD_KAFKA_OFFSET_END, kTimeout));
  const auto beginnings = make_partition_list();
  for (const auto& partition : elements(committed)) {
    if (partition.offset < 0) {
      rd_kafka_topic_partition_list_add(beginnings.get(), topic.c_str(), partition.partition);
    }
  }
  TRIBUTARY_TRY(read_offsets(client_, beginnings, RD_KAFKA_OFFSET_BEGINNING, kTimeout));

  for (const auto& partition : elements(committed)) {
    const auto find = [&](const KafkaPartitionList& list) {
      return rd_kafka_topic_partition_list_find(list.get(), topic.c_str(), partition.partition)
          ->offset;
    };
    auto settled = partition.offset;
    if (settled < 0) {
      settled = find(beginnings);
    } else if (const auto totals = decode_metadata(metadata_of(partition))) {
      add(to.account.totals, *totals);
    } else if (totals.error() == errc::unknown_version) {
      return std::unexpected(totals.error());
    }
    // A topic that was made anew may end before what is committed.
    const auto lag = static_cast<std::uint64_t>(std::max<std::int64_t>(find(ends) - settled, 0));
    to.lags[partition.partition] = lag;
    to.account.lag += lag;
  }
  dead_letters_end = ends->elems[ends->cnt - 1].offset;
  return {};
}

}  // namespace tributary::collector
