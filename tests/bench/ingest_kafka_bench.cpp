// MQTT → Kafka: the collector's ingest until everything is durable in a topic, against (a) a bare
// libmosquitto subscriber that only counts, and (b) a bare librdkafka producer of the same payloads
// with the same settings. They take turns, in one run. Needs a Kafka (tests/support/services.h).
// Usage: bench_ingest_kafka [events] [rounds]

#include <librdkafka/rdkafka.h>
#include <mosquitto.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "collector/ingest/mqtt_ingest.h"
#include "collector/stream/kafka_stream.h"
#include "shared/base/id.h"
#include "tests/bench/mqtt_load.h"
#include "tests/support/mosquitto.h"
#include "tests/support/services.h"

using namespace tributary;
using namespace tributary::bench;
using namespace tributary::collector;
using namespace std::chrono_literals;

namespace {

constexpr auto kTimeMax = 120s;

// A bare producer, with the settings that the collector's promises need.
class BareProducer {
 public:
  explicit BareProducer(const std::string& brokers) {
    auto* conf = rd_kafka_conf_new();
    const auto set = [conf](const char* name, const std::string& value) {
      require(rd_kafka_conf_set(conf, name, value.c_str(), nullptr, 0) == RD_KAFKA_CONF_OK, name);
    };
    set("bootstrap.servers", brokers);
    set("enable.idempotence", "true");
    set("message.timeout.ms", "0");
    set("queue.buffering.max.messages", "1000000");
    set("linger.ms", "0.5");
    set("compression.codec", "lz4");
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void*) {
      require(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, "delivering");
    });
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    require(client_ != nullptr, "making a producer");
  }
  ~BareProducer() { rd_kafka_destroy(client_); }
  BareProducer(const BareProducer&) = delete;
  BareProducer& operator=(const BareProducer&) = delete;

  void produce_all(const std::string& topic, const std::vector<std::string>& payloads) {
    auto* handle = rd_kafka_topic_new(client_, topic.c_str(), nullptr);
    constexpr std::string_view kKey = "sensor";
    for (const auto& payload : payloads) {
      const int failed = rd_kafka_produce(handle, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                                          const_cast<char*>(payload.data()), payload.size(),
                                          kKey.data(), kKey.size(), nullptr);
      require(failed == 0, "producing");
      rd_kafka_poll(client_, 0);
    }
    require(rd_kafka_flush(client_, 60'000) == RD_KAFKA_RESP_ERR_NO_ERROR, "flushing");
    rd_kafka_topic_destroy(handle);
  }

  // How many records the topic has.
  std::int64_t records(const std::string& topic) {
    std::int64_t sum = 0;
    for (std::int32_t partition = 0; partition < 3; ++partition) {
      std::int64_t low = 0;
      std::int64_t high = 0;
      if (rd_kafka_query_watermark_offsets(client_, topic.c_str(), partition, &low, &high, 1000) ==
          RD_KAFKA_RESP_ERR_NO_ERROR) {
        sum += high - low;
      }
    }
    return sum;
  }

 private:
  rd_kafka_t* client_;
};

struct Bench {
  Mosquitto broker{{"max_inflight_messages 0"}};
  std::string kafka = kafka_address();
  std::string run = Id::random().text().substr(0, 8);
  BareProducer bare{kafka};
  SystemClock clock;
  Metrics metrics;

  // Drains the session of that id into a topic of its own.
  Cost drain(const std::string& id, std::size_t events) {
    const auto topic = "bench-" + run + "-" + id;
    const auto open = [&](const std::string& name, bool dead_letters_only) {
      KafkaStreamOptions options{.cluster = {.brokers = kafka},
                                 .pipeline = "telemetry",
                                 .topic = name,
                                 .group = name,
                                 .dead_letters_only = dead_letters_only};
      return *open_kafka_stream(std::move(options), clock, metrics);
    };
    Pipeline pipeline{.config = {.name = "telemetry",
                                 .schema = *Schema::built_in("telemetry"),
                                 .topic = topic,
                                 .group = {},
                                 .table = {}},
                      .stream = open(topic, false),
                      .store = nullptr};
    const auto unrouted = open(topic + "-unrouted", true);
    const auto deadline = std::chrono::steady_clock::now() + kTimeMax;
    const auto wait = [&](auto&& done) {
      while (!done()) {
        require(std::chrono::steady_clock::now() < deadline, "draining in time");
        std::this_thread::sleep_for(5ms);
      }
    };
    wait([&] { return pipeline.stream->account().has_value() && pipeline.stream->health().up; });
    std::vector<Pipeline*> pipelines{&pipeline};
    return measure([&] {
      const auto ingest =
          *MqttIngest::start(ingest_config(broker.url(), id), pipelines, *unrouted, clock, metrics);
      wait([&] { return bare.records(topic) >= static_cast<std::int64_t>(events); });
    });
  }

  Cost produce_bare(const std::string& topic, const std::vector<std::string>& payloads) {
    return measure([&] { bare.produce_all(topic, payloads); });
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::size_t events = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 200'000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  mosquitto_lib_init();
  {
    Bench bench;
    std::vector<Cost> bare;
    std::vector<Cost> produced;
    std::vector<Cost> single;
    std::vector<Cost> batched;
    for (int round = 0; round < rounds; ++round) {
      const auto suffix = std::to_string(round);
      const auto port = bench.broker.port();
      make_session(port, "bare" + suffix);
      make_session(port, "single" + suffix);
      const auto payloads = make_payloads(events, 1, round);
      BareClient(port, "publisher" + suffix).publish_all(payloads);
      bare.push_back(drain_bare(port, "bare" + suffix, events));
      single.push_back(bench.drain("single" + suffix, events));
      produced.push_back(bench.produce_bare("bench-" + bench.run + "-single" + suffix, payloads));

      make_session(port, "batched" + suffix);
      BareClient(port, "batches" + suffix).publish_all(make_payloads(events, kLinesInBatch, round));
      batched.push_back(bench.drain("batched" + suffix, events));
    }
    report("bare subscriber, one event a message", bare, events, bare);
    report("bare producer, one event a record", produced, events, bare);
    report("tributary, one event a message, in Kafka", single, events, bare);
    report("tributary, NDJSON batches, in Kafka", batched, events, bare);
  }
  mosquitto_lib_cleanup();
}
