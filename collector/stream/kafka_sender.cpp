#include "collector/stream/kafka_sender.h"

#include <algorithm>
#include <array>
#include <utility>

#include "shared/base/backoff.h"
#include "shared/base/check.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kServeWait = 100ms;
constexpr std::chrono::seconds kFinishTime{5};      // at the end of the stream
constexpr std::chrono::seconds kFinishAwayTime{1};  // likewise, while there is no cluster
constexpr auto kFinishReplacedTime = 1s;            // of a client that gives way to another one
constexpr std::size_t kRecordOverhead = 512;  // what librdkafka and we keep of a record beside it
constexpr std::size_t kMessageSizeMax = 1'000'000'000;  // the most that librdkafka can be set to
constexpr std::size_t kBatchSizeLeast = 1024;
constexpr std::size_t kReportsMax = 1024;  // taken in one step

KafkaProperties producer_properties(const KafkaContext& context, std::size_t batch_size_max) {
  const auto& cluster = context.options.cluster;
  const auto largest =
      std::max<std::size_t>(context.events.record_size_max, context.dead_letters.record_size_max);
  // We keep the bound ourselves, overhead included; theirs only must not be in the way.
  const auto queue = cluster.queue_size + largest;
  const auto number = [](std::size_t value) { return std::to_string(value); };
  return {
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"message.timeout.ms", "0"},
      {"partitioner", "murmur2_random"},
      {"queue.buffering.max.kbytes", number(queue / 1024 + 1)},
      {"queue.buffering.max.messages", number(queue / kRecordOverhead + 1)},
      {"message.max.bytes", number(std::clamp<std::size_t>(largest, 1000, kMessageSizeMax))},
      {"batch.size", number(std::max(batch_size_max, kBatchSizeLeast))},
      {"linger.ms", "1"},
      {"compression.codec", "lz4"},
  };
}

bool is_unknown_topic(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

std::error_code delivery_error(rd_kafka_resp_err_t error) {
  return make_error_code(error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? errc::too_large
                                                                       : errc::unavailable);
}

// One field of what rd_kafka_produceva() takes.
template <class Fill>
rd_kafka_vu_t field(rd_kafka_vtype_t type, Fill fill) {
  rd_kafka_vu_t field{};
  field.vtype = type;
  fill(field);
  return field;
}
rd_kafka_vu_t bytes_field(rd_kafka_vtype_t type, std::string_view bytes) {
  return field(type, [&](auto& of) {
    of.u.mem.ptr = const_cast<char*>(bytes.data());  // only read: RD_KAFKA_MSG_F_COPY
    of.u.mem.size = bytes.size();
  });
}

}  // namespace

KafkaSender::KafkaSender(KafkaContext& context)
    : context_(context),
      delivery_seconds_(context.metrics.histogram(
          "tributary_kafka_delivery_seconds",
          "From the append of a record to the delivery, for one record of each report",
          {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10}, {{"pipeline", context.options.pipeline}})),
      thread_("kafka-sender", [this](const std::stop_token& stop) { run(stop); }) {}

KafkaSender::~KafkaSender() {
  thread_.request_stop();
  thread_.join();
  if (!connection_) return;
  finish(*connection_, context_.health.is_down("cluster") ? kFinishAwayTime : kFinishTime);
}

std::shared_ptr<KafkaMailbox> KafkaSender::open_mailbox(KafkaTopic& topic) {
  auto mailbox = std::make_shared<KafkaMailbox>(topic);
  const MutexLock lock(mailboxes_mutex_);
  std::erase_if(mailboxes_, [](const auto& other) { return other->is_done(); });
  mailboxes_.push_back(mailbox);
  return mailbox;
}

Result<void> KafkaSender::send(KafkaMailbox& mailbox, Message message) {
  const std::shared_lock lock(connection_mutex_);
  if (!connection_ || connection_->broken || !mailbox.topic().exists) {
    return fail(errc::queue_full, "the topic " + mailbox.topic().name + " isn't there yet");
  }
  const auto size = message.headers.record_size + kRecordOverhead;
  // Concurrent senders may pass the bound by a record each.
  if (const auto waiting = context_.figures->queue_bytes.load();
      waiting > 0 && waiting + size > context_.options.cluster.queue_size) {
    return fail(errc::queue_full, "the queue to Kafka is full");
  }
  auto* const slot = mailbox.put_in(message.token, size);
  if (slot == nullptr) {
    return fail(errc::queue_full, "too many records of this producer wait to be polled");
  }
  auto* const topic = &mailbox.topic() == &context_.events ? connection_->events.get()
                                                           : connection_->dead_letters.get();
  auto* const headers = message.headers.headers.release();  // librdkafka's, unless it refuses
  const std::array<rd_kafka_vu_t, 7> fields{
      field(RD_KAFKA_VTYPE_RKT, [&](auto& of) { of.u.rkt = topic; }),
      field(RD_KAFKA_VTYPE_PARTITION, [&](auto& of) { of.u.i32 = message.partition; }),
      field(RD_KAFKA_VTYPE_MSGFLAGS, [&](auto& of) { of.u.i = RD_KAFKA_MSG_F_COPY; }),
      bytes_field(RD_KAFKA_VTYPE_KEY, message.key),
      bytes_field(RD_KAFKA_VTYPE_VALUE, message.value),
      field(RD_KAFKA_VTYPE_OPAQUE, [&](auto& of) { of.u.ptr = slot; }),
      field(RD_KAFKA_VTYPE_HEADERS, [&](auto& of) { of.u.headers = headers; }),
  };
  auto& figures = *context_.figures;
  ++figures.queue_records;
  figures.queue_bytes += size;
  const KafkaPtr<rd_kafka_error_t> error(
      rd_kafka_produceva(connection_->client->get(), fields.data(), fields.size()));
  if (!error) return {};
  message.headers.headers.reset(headers);
  --figures.queue_records;
  figures.queue_bytes -= size;
  mailbox.take_back(slot);
  const auto code = rd_kafka_error_code(error.get());
  if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
    return fail(errc::too_large, "Kafka takes no record of " + std::to_string(size) + " bytes");
  }
  take_failure(*connection_, mailbox.topic(), code);
  return fail(errc::queue_full, rd_kafka_error_string(error.get()));
}

void KafkaSender::renew(std::size_t batch_size_max) {
  {
    const std::lock_guard lock(connection_mutex_);
    batch_size_max_ = batch_size_max;
  }
  renewed_.notify_all();
}

void KafkaSender::run(const std::stop_token& stop) {
  Backoff backoff(100ms, 5s);
  while (!stop.stop_requested()) {
    std::shared_ptr<Connection> connection;
    {
      std::unique_lock lock(connection_mutex_);
      if (!connection_)
        renewed_.wait_for(lock, stop, kServeWait, [this] { return batch_size_max_ > 0; });
      connection = connection_;
    }
    if (connection) serve(*connection, kServeWait);
    if (!must_replace()) continue;
    if (const auto replaced = replace(); !replaced) {
      context_.health.down("producer", replaced.error().message());
      std::unique_lock lock(connection_mutex_);
      renewed_.wait_for(lock, stop, backoff.next(), [] { return false; });
    } else {
      context_.health.up("producer");
    }
  }
}

bool KafkaSender::must_replace() const {
  const std::shared_lock lock(connection_mutex_);
  if (batch_size_max_ == 0 || !context_.has_topics()) return false;
  return !connection_ || connection_->broken || connection_->batch_size_max != batch_size_max_;
}

Result<void> KafkaSender::replace() {
  std::shared_ptr<Connection> old;
  std::size_t batch_size_max = 0;
  {
    const std::lock_guard lock(connection_mutex_);
    old = std::exchange(connection_, nullptr);
    batch_size_max = batch_size_max_;
  }
  if (old) finish(*old, kFinishReplacedTime);
  old.reset();
  TRIBUTARY_ASSIGN(auto connection, connect(batch_size_max));
  const std::lock_guard lock(connection_mutex_);
  connection_ = std::move(connection);
  return {};
}

Result<std::shared_ptr<KafkaSender::Connection>> KafkaSender::connect(
    std::size_t batch_size_max) const {
  auto connection = std::make_shared<Connection>();
  TRIBUTARY_ASSIGN(
      connection->client,
      KafkaClient::open(context_, "producer", RD_KAFKA_PRODUCER,
                        producer_properties(context_, batch_size_max), RD_KAFKA_EVENT_DR));
  const auto open_topic = [&](const KafkaTopic& topic) {
    return KafkaPtr<rd_kafka_topic_t>(
        rd_kafka_topic_new(connection->client->get(), topic.name.c_str(), nullptr));
  };
  if (!context_.options.dead_letters_only) connection->events = open_topic(context_.events);
  connection->dead_letters = open_topic(context_.dead_letters);
  connection->batch_size_max = batch_size_max;
  return connection;
}

void KafkaSender::serve(Connection& connection, std::chrono::milliseconds wait) {
  const auto event = connection.client->poll(wait);
  if (!event) return;
  if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_DR) {
    deliver(connection, event.get());
  } else if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR) {
    if (rd_kafka_event_error_is_fatal(event.get()) != 0) connection.broken = true;
    if (rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
      context_.alarm.ring();
    }
  }
}

void KafkaSender::deliver(Connection& connection, rd_kafka_event_t* event) {
  std::array<const rd_kafka_message_t*, kReportsMax> reports{};
  std::vector<KafkaMailbox::End> ends;
  ends.reserve(kReportsMax);
  // Makes what send() wrote into the slots known to this thread without counting on the locks that
  // librdkafka happens to take in between.
  CHECK(context_.figures->queue_records > 0);
  while (const auto count = rd_kafka_event_message_array(event, reports.data(), reports.size())) {
    constexpr double kPerSecond = 1e6;
    delivery_seconds_.observe(static_cast<double>(rd_kafka_message_latency(reports[0])) /
                              kPerSecond);
    KafkaMailbox* mailbox = nullptr;  // that of `ends`
    for (std::size_t i = 0; i < count; ++i) {
      auto* const slot = static_cast<KafkaMailbox::Slot*>(reports[i]->_private);
      if (slot->mailbox != mailbox && !ends.empty()) {
        forget(mailbox->deliver(std::exchange(ends, {})));
      }
      mailbox = slot->mailbox;
      const auto error = reports[i]->err;
      const bool is_durable = error == RD_KAFKA_RESP_ERR_NO_ERROR;
      if (!is_durable) take_failure(connection, mailbox->topic(), error);
      ends.push_back({slot, is_durable ? std::error_code() : delivery_error(error)});
    }
    forget(mailbox->deliver(std::exchange(ends, {})));
  }
}

void KafkaSender::take_failure(Connection& connection, KafkaTopic& topic,
                               rd_kafka_resp_err_t error) {
  if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) return;
  if (error == RD_KAFKA_RESP_ERR__FATAL) connection.broken = true;
  if (is_unknown_topic(error)) connection.broken = true;  // it remembers that there was none
  if (is_unknown_topic(error) || error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
    topic.exists = false;  // not as the keeper saw it
    context_.alarm.ring();
  }
  context_.log.line("delivery", LogLevel::warning, "kafka", "a record isn't taken, and comes again",
                    {{"pipeline", context_.options.pipeline},
                     {"topic", topic.name},
                     {"reason", rd_kafka_err2str(error)}});
}

void KafkaSender::forget(KafkaMailbox::Amount ended) {
  context_.figures->queue_records -= ended.records;
  context_.figures->queue_bytes -= ended.bytes;
}

void KafkaSender::finish(Connection& connection, std::chrono::milliseconds time) {
  auto* const client = connection.client->get();
  const auto end = context_.clock.monotonic() + time;
  while (!connection.broken && context_.figures->queue_records > 0 &&
         context_.clock.monotonic() < end) {
    serve(connection, 10ms);
  }
  rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  while (context_.figures->queue_records > 0) {
    const auto event = connection.client->poll(kServeWait);
    if (!event) break;
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_DR) deliver(connection, event.get());
  }
  // What it didn't even report as purged. Nobody sends meanwhile.
  std::vector<std::shared_ptr<KafkaMailbox>> mailboxes;
  {
    const MutexLock lock(mailboxes_mutex_);
    mailboxes = mailboxes_;
  }
  for (const auto& mailbox : mailboxes) {
    forget(mailbox->fail_all(make_error_code(errc::unavailable)));
  }
}

}  // namespace tributary::collector
