#include "collector/stream/kafka_producer.h"

#include <algorithm>

#include "collector/stream/dead_letter.h"

namespace tributary::collector {
namespace {

// What a dead letter has beside its event, at most: its texts are cut (DeadLetterRecord).
constexpr std::size_t kDeadLetterHeadersMax = 16U << 10;

}  // namespace

KafkaProducer::KafkaProducer(KafkaContext& context, KafkaSender& sender, KafkaTopic& topic)
    : context_(context), sender_(sender), mailbox_(sender.open_mailbox(topic)) {}

KafkaProducer::~KafkaProducer() { mailbox_->close(); }

Result<void> KafkaProducer::append(const Record& record) {
  if (!mailbox_->topic().exists) {
    return fail(errc::queue_full, "the topic " + mailbox_->topic().name + " isn't there yet");
  }
  return &mailbox_->topic() == &context_.events ? append_event(record) : append_dead_letter(record);
}

Result<void> KafkaProducer::append_event(const Record& record) {
  const auto limit = context_.events.record_size_max.load();
  const auto too_large = [&](std::size_t size) {
    return fail(errc::too_large, "the record has " + std::to_string(size) + " bytes: the topic " +
                                     context_.events.name + " takes " + std::to_string(limit));
  };
  const auto& event = record.envelope.event;
  if (event.size() > limit) return too_large(event.size());
  auto headers = make_headers(record.envelope, record.partition_key.size());
  if (headers.record_size > limit) return too_large(headers.record_size);
  return sender_.send(*mailbox_, {.key = record.partition_key,
                                  .value = event,
                                  .partition = RD_KAFKA_PARTITION_UA,
                                  .headers = std::move(headers),
                                  .token = record.token});
}

Result<void> KafkaProducer::append_dead_letter(const Record& record) {
  const auto limit = context_.dead_letters.record_size_max.load();
  const auto event_size_max = std::min(limit - std::min(limit / 2, kDeadLetterHeadersMax),
                                       context_.options.cluster.dead_letter_event_size_max);
  const DeadLetterRecord letter(record.envelope, event_size_max);
  return sender_.send(*mailbox_, {.key = {},
                                  .value = letter.envelope().event,
                                  .partition = 0,
                                  .headers = make_headers(letter.envelope(), 0),
                                  .token = record.token});
}

std::vector<Delivery> KafkaProducer::poll(std::chrono::milliseconds wait) {
  return mailbox_->poll(wait);
}

}  // namespace tributary::collector
