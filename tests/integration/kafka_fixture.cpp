#include "tests/integration/kafka_fixture.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <catch2/catch.hpp>

#include "tests/contract/stream_verbs.h"
#include "tests/support/services.h"

namespace tributary::collector {
namespace {

constexpr int kTimeoutMs = 30'000;

// A client with no more settings than it needs.
class Client {
 public:
  Client(const std::string& brokers, rd_kafka_type_t type, const std::string& group = {}) {
    auto* const conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    if (type == RD_KAFKA_CONSUMER) {
      set(conf, "group.id", group);
      set(conf, "enable.auto.commit", "false");
    } else {
      set(conf, "message.max.bytes", "67108864");
    }
    std::array<char, 512> why{};
    client_ = rd_kafka_new(type, conf, why.data(), why.size());
    REQUIRE(client_ != nullptr);
    queue_ = rd_kafka_queue_new(client_);
  }
  ~Client() {
    rd_kafka_queue_destroy(queue_);
    rd_kafka_destroy(client_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] rd_kafka_t* get() const { return client_; }
  [[nodiscard]] rd_kafka_queue_t* queue() const { return queue_; }
  // The error of the answer to a request of the Admin API.
  [[nodiscard]] rd_kafka_resp_err_t wait_for_answer() const {
    auto* const event = rd_kafka_queue_poll(queue_, kTimeoutMs);
    REQUIRE(event != nullptr);
    const auto error = rd_kafka_event_error(event);
    rd_kafka_event_destroy(event);
    return error;
  }

 private:
  static void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
    REQUIRE(rd_kafka_conf_set(conf, name, value.c_str(), nullptr, 0) == RD_KAFKA_CONF_OK);
  }

  rd_kafka_t* client_;
  rd_kafka_queue_t* queue_;
};

struct PartitionList {
  rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(1);
  PartitionList() = default;
  ~PartitionList() { rd_kafka_topic_partition_list_destroy(list); }
  PartitionList(const PartitionList&) = delete;
  PartitionList& operator=(const PartitionList&) = delete;
};

}  // namespace

KafkaPlace::KafkaPlace(std::string brokers) {
  options_.cluster.brokers = brokers.empty() ? kafka_address() : std::move(brokers);
  options_.pipeline = "telemetry";
  options_.topic = "test-" + Id::random().text();
  options_.group = options_.topic + "-persisters";
}

KafkaPlace::~KafkaPlace() {
  const Client client(options_.cluster.brokers, RD_KAFKA_PRODUCER);
  for (const auto* end : {"", ".dead"}) {
    auto* topic = rd_kafka_DeleteTopic_new((options_.topic + end).c_str());
    rd_kafka_DeleteTopics(client.get(), &topic, 1, nullptr, client.queue());
    rd_kafka_DeleteTopic_destroy(topic);
    if (auto* const event = rd_kafka_queue_poll(client.queue(), 5000)) {
      rd_kafka_event_destroy(event);
    }
  }
}

std::unique_ptr<Stream> KafkaPlace::open_at_once() {
  auto stream = open_kafka_stream(options_, clock_, metrics_);
  if (!stream) FAIL(stream.error().message());
  return std::move(*stream);
}

std::unique_ptr<Stream> KafkaPlace::open() {
  auto stream = open_at_once();
  REQUIRE(stream_verbs::eventually([&] { return stream->account().has_value(); }));
  return stream;
}

void KafkaPlace::produce(const std::vector<Foreign>& records) const {
  const Client client(options_.cluster.brokers, RD_KAFKA_PRODUCER);
  for (const auto& record : records) {
    auto* const headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, value] : record.headers) {
      rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                          static_cast<ssize_t>(value.size()));
    }
    void* const value = record.value ? const_cast<char*>(record.value->data()) : nullptr;  // copied
    const auto size = record.value ? record.value->size() : 0;
    REQUIRE(rd_kafka_producev(client.get(), RD_KAFKA_V_TOPIC(options_.topic.c_str()),
                              RD_KAFKA_V_PARTITION(record.partition),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_VALUE(value, size), RD_KAFKA_V_HEADERS(headers),
                              RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  REQUIRE(rd_kafka_flush(client.get(), kTimeoutMs) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void KafkaPlace::make_topic(const std::string& name, int partitions,
                            const std::map<std::string, std::string>& configs) const {
  const Client client(options_.cluster.brokers, RD_KAFKA_PRODUCER);
  auto* topic = rd_kafka_NewTopic_new(name.c_str(), partitions, -1, nullptr, 0);
  for (const auto& [key, value] : configs) {
    rd_kafka_NewTopic_set_config(topic, key.c_str(), value.c_str());
  }
  rd_kafka_CreateTopics(client.get(), &topic, 1, nullptr, client.queue());
  rd_kafka_NewTopic_destroy(topic);
  REQUIRE(client.wait_for_answer() == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void KafkaPlace::delete_topic(const std::string& name) const {
  const Client client(options_.cluster.brokers, RD_KAFKA_PRODUCER);
  auto* topic = rd_kafka_DeleteTopic_new(name.c_str());
  rd_kafka_DeleteTopics(client.get(), &topic, 1, nullptr, client.queue());
  rd_kafka_DeleteTopic_destroy(topic);
  REQUIRE(client.wait_for_answer() == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void KafkaPlace::set_config(const std::string& name, const std::string& value) const {
  const Client client(options_.cluster.brokers, RD_KAFKA_PRODUCER);
  auto* config = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, options_.topic.c_str());
  rd_kafka_ConfigResource_set_config(config, name.c_str(), value.c_str());
  rd_kafka_AlterConfigs(client.get(), &config, 1, nullptr, client.queue());
  rd_kafka_ConfigResource_destroy(config);
  REQUIRE(client.wait_for_answer() == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void KafkaPlace::delete_records(std::int32_t partition, std::int64_t before) const {
  const Client client(options_.cluster.brokers, RD_KAFKA_PRODUCER);
  const PartitionList list;
  rd_kafka_topic_partition_list_add(list.list, options_.topic.c_str(), partition)->offset = before;
  auto* request = rd_kafka_DeleteRecords_new(list.list);
  rd_kafka_DeleteRecords(client.get(), &request, 1, nullptr, client.queue());
  rd_kafka_DeleteRecords_destroy(request);
  REQUIRE(client.wait_for_answer() == RD_KAFKA_RESP_ERR_NO_ERROR);
}

KafkaPlace::Committed KafkaPlace::committed(std::int32_t partition) const {
  const Client client(options_.cluster.brokers, RD_KAFKA_CONSUMER, options_.group);
  const PartitionList list;
  const auto* const found =
      rd_kafka_topic_partition_list_add(list.list, options_.topic.c_str(), partition);
  REQUIRE(rd_kafka_committed(client.get(), list.list, kTimeoutMs) == RD_KAFKA_RESP_ERR_NO_ERROR);
  return {found->offset,
          std::string(static_cast<const char*>(found->metadata), found->metadata_size)};
}

void KafkaPlace::commit(std::int32_t partition, const Committed& position) const {
  const Client client(options_.cluster.brokers, RD_KAFKA_CONSUMER, options_.group);
  const PartitionList list;
  auto* const added =
      rd_kafka_topic_partition_list_add(list.list, options_.topic.c_str(), partition);
  added->offset = position.offset;
  added->metadata = rd_kafka_mem_malloc(nullptr, position.metadata.size() + 1);
  added->metadata_size = position.metadata.size();
  position.metadata.copy(static_cast<char*>(added->metadata), position.metadata.size());
  REQUIRE(rd_kafka_commit(client.get(), list.list, 0) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

}  // namespace tributary::collector
