#include "collector/stream/kafka_reader.h"

#include <algorithm>
#include <utility>

#include "collector/stream/kafka_offsets.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeout = 2s;
constexpr auto kSilenceMax = 5s;
constexpr auto kServeTime = 100ms;

KafkaProperties reader_properties(const std::string& group) {
  return {
      {"group.id", group},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.offset.reset", "error"},
      {"enable.partition.eof", "true"},
      {"check.crcs", "true"},
      {"isolation.level", "read_committed"},
      {"fetch.wait.max.ms", "10"},  // the end is known that soon
      {"fetch.message.max.bytes", "262144"},
      {"queued.max.messages.kbytes", "1024"},
  };
}

}  // namespace

Result<std::unique_ptr<KafkaReader>> KafkaReader::open(KafkaContext& context,
                                                       const std::string& group) {
  TRIBUTARY_ASSIGN(auto client, KafkaClient::open(context, "reader", RD_KAFKA_CONSUMER,
                                                  reader_properties(group)));
  return std::unique_ptr<KafkaReader>(new KafkaReader(context, std::move(client)));
}

KafkaReader::KafkaReader(KafkaContext& context, std::shared_ptr<KafkaClient> client)
    : context_(context), client_(std::move(client)), records_(rd_kafka_queue_new(client_->get())) {}

Result<bool> KafkaReader::find_beginning(std::int64_t& from) {
  const auto list = make_partition_list();
  rd_kafka_topic_partition_list_add(list.get(), context_.dead_letters.name.c_str(), 0);
  TRIBUTARY_TRY(read_offsets(*client_, list, RD_KAFKA_OFFSET_END, kTimeout));
  const auto end = list->elems[0].offset;
  TRIBUTARY_TRY(read_offsets(*client_, list, RD_KAFKA_OFFSET_BEGINNING, kTimeout));
  from = std::max(from, list->elems[0].offset);
  return from < end;
}

Result<std::int64_t> KafkaReader::end() {
  const auto list = make_partition_list();
  rd_kafka_topic_partition_list_add(list.get(), context_.dead_letters.name.c_str(), 0);
  TRIBUTARY_TRY(read_offsets(*client_, list, RD_KAFKA_OFFSET_END, kTimeout));
  return list->elems[0].offset;
}

Result<void> KafkaReader::start(std::int64_t from) {
  const auto& topic = context_.dead_letters.name;
  const auto list = make_partition_list();
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), 0)->offset = from;
  records_.reset(rd_kafka_queue_new(client_->get()));
  const KafkaPtr<rd_kafka_queue_t> own(
      rd_kafka_queue_get_partition(client_->get(), topic.c_str(), 0));
  if (own) rd_kafka_queue_forward(own.get(), records_.get());
  const auto error = rd_kafka_assign(client_->get(), list.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail_kafka(error, "can't read " + topic);
  return {};
}

void KafkaReader::stop() {
  rd_kafka_assign(client_->get(), nullptr);
  records_.reset();
}

Result<std::int64_t> KafkaReader::read(std::int64_t from, const Visit& visit) {
  TRIBUTARY_ASSIGN(const bool is_there, find_beginning(from));
  if (!is_there) return from;
  TRIBUTARY_TRY(start(from));
  struct Stop {
    KafkaReader& reader;
    ~Stop() { reader.stop(); }
  } const stop_at_end{*this};

  auto last_heard = context_.clock.monotonic();
  while (context_.clock.monotonic() - last_heard < kSilenceMax) {
    client_->drain();
    rd_kafka_message_t* taken = nullptr;
    if (rd_kafka_consume_batch_queue(records_.get(), to_timeout_ms(kServeTime), &taken, 1) != 1) {
      continue;
    }
    const KafkaPtr<rd_kafka_message_t> message(taken);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return std::max(from, message->offset);
    if (message->err == RD_KAFKA_RESP_ERR__BAD_MSG) continue;  // damaged: the next one
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return fail_kafka(message->err, "can't read " + context_.dead_letters.name);
    }
    last_heard = context_.clock.monotonic();
    from = message->offset + 1;
    if (!visit(*message)) return from;
  }
  return std::unexpected(client_->explain(
      {errc::timed_out, "no answer from " + context_.dead_letters.name + " for a while"}));
}

}  // namespace tributary::collector
