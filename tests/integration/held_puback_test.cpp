// The collector's promise to the broker, seen on the wire: no PUBACK before the stream's commit.

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "collector/ingest/mqtt_ingest.h"
#include "collector/stream/embedded_stream.h"
#include "tests/integration/mqtt_client_driver.h"
#include "tests/support/held_file_system.h"
#include "tests/support/mosquitto.h"
#include "tests/support/tcp_proxy.h"

using namespace tributary;
using namespace tributary::collector;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kEvents = 5;
constexpr auto kKeepalive = 5s;

// The ingest half of a collector, whose disk and network the test holds in its hand.
class IngestUnderTest {
 public:
  IngestUnderTest() : directory_(std::filesystem::temp_directory_path() / Id::random().text()) {
    pipeline_.stream = open("sensor-events");
    unrouted_ = open("tributary");
    Config::Mqtt config;
    config.options = persistent(mqtt_options(proxy.url(), "collector"));
    config.options.keepalive = kKeepalive;
    ingest_ = *MqttIngest::start(config, pipelines_, *unrouted_, clock_, metrics_);
    REQUIRE(wait_for([&] { return ingest_->health().up; }));
  }

  ~IngestUnderTest() {
    disk.release();
    ingest_.reset();
    std::filesystem::remove_all(directory_);
  }
  IngestUnderTest(const IngestUnderTest&) = delete;
  IngestUnderTest& operator=(const IngestUnderTest&) = delete;

  void publish_events() {
    MqttDriver device(mqtt_options(broker.url(), "device"));
    std::vector<std::string> events;
    for (std::size_t i = 0; i < kEvents; ++i) {
      events.push_back(
          R"({"sensor_id":"s","timestamp":"2026-01-21T10:00:0)" + std::to_string(i) +
          R"(Z","temperature":1,"humidity":2,"location":{"latitude":3,"longitude":4}})");
    }
    publish_all(device, "tributary/device/events/telemetry", events);
  }

  [[nodiscard]] std::uint64_t durable_records() const {
    return pipeline_.stream->account()->records;
  }

  static bool wait_for(const std::function<bool()>& condition, std::chrono::seconds limit = 20s) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  test::HeldFileSystem disk;
  Mosquitto broker;
  TcpProxy proxy{broker.port()};

 private:
  std::unique_ptr<Stream> open(const std::string& topic) {
    auto stream = open_embedded_stream(
        disk, {.directory = directory_, .topic = topic, .group = "persisters"});
    REQUIRE(stream);
    return *std::move(stream);
  }

  const std::filesystem::path directory_;
  SystemClock clock_;
  Metrics metrics_;
  Pipeline pipeline_{.config = {.name = "telemetry",
                                .schema = *Schema::built_in("telemetry"),
                                .topic = {},
                                .group = {},
                                .table = {}},
                     .stream = nullptr,
                     .store = nullptr};
  std::vector<Pipeline*> pipelines_{&pipeline_};
  std::unique_ptr<Stream> unrouted_;
  std::unique_ptr<MqttIngest> ingest_;
};

}  // namespace

TEST_CASE(
    "no PUBACK leaves before the stream's commit, held back for longer than three keepalives") {
  IngestUnderTest collector;
  collector.disk.hold();
  collector.publish_events();
  REQUIRE(collector.disk.wait_until_held());

  const auto end = std::chrono::steady_clock::now() + 3 * kKeepalive + 2s;
  REQUIRE(IngestUnderTest::wait_for(
      [&] {
        std::this_thread::sleep_until(std::min(end, std::chrono::steady_clock::now() + 50ms));
        return collector.proxy.count(0, MqttPacket::puback) > 0 ||
               std::chrono::steady_clock::now() >= end;
      },
      30s));
  REQUIRE(collector.proxy.count(0, MqttPacket::puback) == 0);
  REQUIRE(collector.durable_records() == 0);
  REQUIRE(collector.proxy.count(0, MqttPacket::pingreq) >= 3);
  REQUIRE(collector.proxy.accepted().size() == 1);

  collector.disk.release();
  REQUIRE(IngestUnderTest::wait_for(
      [&] { return collector.proxy.count(0, MqttPacket::puback) == kEvents; }));
  REQUIRE(collector.durable_records() == kEvents);
  REQUIRE(collector.proxy.accepted().size() == 1);
}

TEST_CASE("a connection lost while the stream is held acknowledges nothing of the old one") {
  IngestUnderTest collector;
  collector.disk.hold();
  collector.publish_events();
  REQUIRE(collector.disk.wait_until_held());
  collector.proxy.cut();
  collector.disk.release();

  // The broker sends the five again, and they are acknowledged where they came.
  REQUIRE(IngestUnderTest::wait_for([&] {
    return collector.proxy.accepted().size() == 2 &&
           collector.proxy.count(1, MqttPacket::puback) == kEvents;
  }));
  REQUIRE(collector.proxy.count(0, MqttPacket::puback) == 0);
  // Some of them, at least, were in the stream already: they are there twice, for the store to
  // tell.
  REQUIRE(collector.durable_records() > kEvents);
  REQUIRE(collector.durable_records() <= 2 * kEvents);
}
