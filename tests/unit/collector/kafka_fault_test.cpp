#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <catch2/catch.hpp>

#include "collector/stream/kafka_stream.h"
#include "tests/contract/stream_verbs.h"

// Faults that a real cluster doesn't show on demand: librdkafka's own model of a broker shows them.
namespace tributary::collector {
namespace {

using namespace stream_verbs;
using namespace std::chrono_literals;

constexpr std::int16_t kProduce = 0;  // https://kafka.apache.org/protocol#protocol_api_keys
constexpr std::int16_t kOffsetCommit = 8;

class ModelCluster {
 public:
  ModelCluster() {
    std::array<char, 512> why{};
    auto* const conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, nullptr);
    owner_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
    REQUIRE(owner_ != nullptr);
    cluster_ = rd_kafka_mock_cluster_new(owner_, 1);
    REQUIRE(cluster_ != nullptr);
    REQUIRE(rd_kafka_mock_topic_create(cluster_, "events", 1, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
    REQUIRE(rd_kafka_mock_topic_create(cluster_, "events.dead", 1, 1) ==
            RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  ~ModelCluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(owner_);
  }
  ModelCluster(const ModelCluster&) = delete;
  ModelCluster& operator=(const ModelCluster&) = delete;

  [[nodiscard]] std::unique_ptr<Stream> open() {
    KafkaStreamOptions options;
    options.cluster.brokers = rd_kafka_mock_cluster_bootstraps(cluster_);
    options.pipeline = "telemetry";
    options.topic = "events";
    options.group = "persisters";
    auto stream = open_kafka_stream(options, clock_, metrics_);
    REQUIRE(stream.has_value());
    return std::move(*stream);
  }
  // The next requests of a kind are answered by these errors.
  template <class... Errors>
  void fail(std::int16_t request, Errors... errors) {
    rd_kafka_mock_push_request_errors(cluster_, request, sizeof...(errors), errors...);
  }
  void set_up(bool up) {
    if (up) {
      rd_kafka_mock_broker_set_up(cluster_, 1);
    } else {
      rd_kafka_mock_broker_set_down(cluster_, 1);
    }
  }

 private:
  SystemClock clock_;
  Metrics metrics_;
  rd_kafka_t* owner_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

// Appends, again and again while the stream refuses.
void append(Producer& producer, std::string_view event, std::uint64_t token = 0) {
  REQUIRE(eventually([&] { return producer.append(record(event, token)).has_value(); }));
}

std::error_code wait_for_delivery(Producer& producer) {
  std::vector<Delivery> deliveries;
  REQUIRE(eventually([&] {
    deliveries = producer.poll(100ms);
    return !deliveries.empty();
  }));
  REQUIRE(deliveries.size() == 1);
  return deliveries.front().error;
}

TEST_CASE(
    "after a fatal error what was on its way is reported as failed, and can be appended again") {
  ModelCluster cluster;
  const auto stream = cluster.open();
  const auto producer = stream->make_producer();
  append(*producer, "first");
  REQUIRE(!wait_for_delivery(*producer));
  cluster.fail(kProduce, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
  append(*producer, "second");
  REQUIRE(wait_for_delivery(*producer));
  append(*producer, "second");
  REQUIRE(!wait_for_delivery(*producer));
  const auto consumer = stream->make_consumer();
  REQUIRE(events(receive(*consumer, 2)) == std::vector<std::string>{"first", "second"});
}

TEST_CASE("what is appended while the cluster is away is delivered once it is back") {
  ModelCluster cluster;
  const auto stream = cluster.open();
  const auto producer = stream->make_producer();
  append(*producer, "first");
  REQUIRE(!wait_for_delivery(*producer));
  cluster.set_up(false);
  REQUIRE(eventually([&] { return !stream->health().up; }));
  append(*producer, "second");
  REQUIRE(producer->poll(kMoment).empty());
  cluster.set_up(true);
  REQUIRE(!wait_for_delivery(*producer));
  REQUIRE(eventually([&] { return stream->health().up; }));
}

TEST_CASE("the queue to a cluster that is away is bounded") {
  ModelCluster cluster;
  const auto stream = cluster.open();
  const auto producer = stream->make_producer();
  append(*producer, "first");
  REQUIRE(!wait_for_delivery(*producer));
  cluster.set_up(false);
  const std::string large(500'000, 'x');
  std::size_t taken = 0;
  while (producer->append(record(large))) ++taken;
  REQUIRE(taken > 100);
  REQUIRE(taken < 140);
  REQUIRE(stream->health().detail.find("% full") != std::string::npos);
}

TEST_CASE("a commit that fails leaves the batch to be settled again, and counts it once") {
  ModelCluster cluster;
  const auto stream = cluster.open();
  const auto producer = stream->make_producer();
  append(*producer, "only");
  REQUIRE(!wait_for_delivery(*producer));
  const auto consumer = stream->make_consumer();
  const auto batches = receive(*consumer, 1);
  cluster.fail(kOffsetCommit, RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE);
  const std::vector<Outcome> outcomes{{Outcome::Verdict::stored, {}}};
  REQUIRE(!consumer->settle(batches.front(), outcomes).has_value());
  REQUIRE(consumer->settle(batches.front(), outcomes).has_value());
  expect_account(*stream, {.stored = 1}, 0);
}

}  // namespace
}  // namespace tributary::collector
