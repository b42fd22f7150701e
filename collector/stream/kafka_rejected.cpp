#include "collector/stream/kafka_rejected.h"

#include "collector/stream/kafka_headers.h"
#include "collector/stream/kafka_offsets.h"
#include "collector/stream/kafka_totals.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeout = 3s;
constexpr auto kSaveInterval = 5s;
constexpr std::int64_t kSaveRecords = 1000;

}  // namespace

Result<std::uint64_t> KafkaRejectedCount::count(std::int64_t end) {
  if (!is_loaded_) TRIBUTARY_TRY(load());
  if (end < position_) {
    context_.health.note("the count of what was rejected at ingest begins anew: the topic " +
                         context_.dead_letters.name + " was made anew");
    position_ = 0;
    count_ = 0;
  }
  if (position_ < end) {
    TRIBUTARY_ASSIGN(position_, reader_->read(position_, [&](const auto& message) {
      const auto letter = read_dead_letter(message);
      if ((letter.flags & Envelope::kRejectedAtIngest) != 0) ++count_;
      position_ = message.offset + 1;
      if (position_ - saved_position_ >= kSaveRecords) save();
      return position_ < end;
    }));
  }
  if (count_ != saved_count_ && context_.clock.monotonic() - saved_at_ >= kSaveInterval) {
    save();
  }
  return count_;
}

Result<void> KafkaRejectedCount::load() {
  if (!reader_) {
    TRIBUTARY_ASSIGN(reader_, KafkaReader::open(context_, context_.options.group + ".account"));
  }
  const auto list = make_partition_list();
  rd_kafka_topic_partition_list_add(list.get(), context_.dead_letters.name.c_str(), 0);
  TRIBUTARY_TRY(read_committed(reader_->client(), list, kTimeout));
  const auto& committed = list->elems[0];
  if (committed.offset >= 0) {
    const auto totals = decode_metadata(metadata_of(committed));
    if (totals) {
      position_ = saved_position_ = committed.offset;
      count_ = saved_count_ = totals->rejected;
    } else if (totals.error() == errc::unknown_version) {
      return std::unexpected(totals.error().within("the count of what was rejected at ingest"));
    } else {
      context_.health.note("the count of what was rejected at ingest begins anew: " +
                           totals.error().message());
    }
  }
  is_loaded_ = true;
  return {};
}

void KafkaRejectedCount::save() {
  saved_at_ = context_.clock.monotonic();
  const auto list = make_partition_list();
  auto* const partition =
      rd_kafka_topic_partition_list_add(list.get(), context_.dead_letters.name.c_str(), 0);
  partition->offset = position_;
  set_metadata(*partition, "tributary/1 rejected=" + std::to_string(count_));
  const auto error = rd_kafka_commit(reader_->client().get(), list.get(), 0);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  saved_position_ = position_;
  saved_count_ = count_;
}

}  // namespace tributary::collector
