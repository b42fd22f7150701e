#include "collector/stream/kafka_options.h"

#include <catch2/catch.hpp>

#include "collector/stream/kafka_totals.h"

namespace tributary::collector {
namespace {

std::string refusal(const std::string& property, const std::string& value) {
  KafkaOptions options;
  options.brokers = "127.0.0.1:9092";
  options.properties = {{property, value}};
  const auto checked = check_kafka_options(options);
  return checked ? "" : checked.error().message();
}

TEST_CASE("a Kafka address names its brokers, each with a port") {
  REQUIRE(*parse_kafka_url("kafka://one") == "one:9092");
  REQUIRE(*parse_kafka_url("kafka://one:19092/") == "one:19092");
  REQUIRE(*parse_kafka_url("kafka://one:1,two,[::1],[::1]:5") ==
          "one:1,two:9092,[::1]:9092,[::1]:5");
  for (const auto* bad :
       {"kafka://", "http://one", "kafka://one,", "kafka://:9092", "kafka://one:port",
        "kafka://one:70000", "kafka://user@one", "kafka://one/topic", "kafka://[::1"}) {
    INFO(bad);
    const auto parsed = parse_kafka_url(bad);
    REQUIRE(!parsed.has_value());
    REQUIRE(parsed.error() == errc::invalid_argument);
  }
}

TEST_CASE("properties of librdkafka are taken, of either kind of client") {
  REQUIRE(refusal("linger.ms", "3").empty());
  REQUIRE(refusal("max.poll.interval.ms", "60000").empty());
  REQUIRE(refusal("max.in.flight", "1").empty());
}

TEST_CASE("properties that the promises rest on are refused, and it is said why") {
  REQUIRE(refusal("acks", "1").find("accepted means stored") != std::string::npos);
  REQUIRE(refusal("enable.auto.commit", "true").find("counted once") != std::string::npos);
  REQUIRE(refusal("group.id", "mine").find("group") != std::string::npos);
  REQUIRE(refusal("max.in.flight", "6").find("1 to 5") != std::string::npos);
  REQUIRE(refusal("bootstrap.servers", "elsewhere").find("stream") != std::string::npos);
}

TEST_CASE("what is wrong with a property is said without its value") {
  for (const auto* name : {"sasl.password", "no.such.property", "linger.ms", "ssl.key.password"}) {
    const auto message = refusal(name, "swordfish");
    INFO(message);
    REQUIRE(message.find(name) != std::string::npos);
    REQUIRE(message.find("swordfish") == std::string::npos);
  }
}

TEST_CASE("Kafka's user needs a password") {
  KafkaOptions options;
  options.brokers = "127.0.0.1:9092";
  options.user = "collector";
  REQUIRE(!check_kafka_options(options).has_value());
  options.password = "swordfish";
  REQUIRE(check_kafka_options(options).has_value());
  options.mechanism = "PLAIN";
  options.tls.enabled = true;
  REQUIRE(check_kafka_options(options).has_value());
}

TEST_CASE("totals come back from the metadata of a commit") {
  const Totals totals{.stored = 10, .duplicates = 2, .conflicts = 3, .rejected = 4};
  REQUIRE(encode_metadata(totals) == "tributary/1 stored=10 duplicates=2 conflicts=3 rejected=4");
  REQUIRE(*decode_metadata(encode_metadata(totals)) == totals);
  REQUIRE(*decode_metadata("tributary/1 rejected=12") == Totals{.rejected = 12});
}

TEST_CASE("metadata that is no totals is told from that of a newer program") {
  for (const auto* text :
       {"", "by hand", "tributary/1 stored=", "tributary/1 stored=-1", "tributary/1 stored",
        "tributary/1 other=1", "tributary/1 stored=99999999999999999999"}) {
    INFO(text);
    REQUIRE(decode_metadata(text).error() == errc::corrupt);
  }
  REQUIRE(decode_metadata("tributary/2 anything").error() == errc::unknown_version);
}

}  // namespace
}  // namespace tributary::collector
