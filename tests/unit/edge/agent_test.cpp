#include "edge/agent.h"

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "shared/base/version.h"
#include "shared/http/client.h"
#include "shared/mqtt/correlation.h"
#include "tests/support/held_file_system.h"
#include "tests/support/mosquitto.h"
#include "tests/unit/edge/fakes.h"

// The whole agent with a real broker. The collector is played by an MQTT client.

using namespace tributary;
using namespace tributary::edge;
using namespace std::chrono_literals;
using tributary::edge::test::must;
using tributary::test::HeldFileSystem;

namespace {

constexpr auto kLimit = 60s;

struct Directory {
  Directory() {
    auto name = (std::filesystem::temp_directory_path() / "tributary-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::filesystem::path path;
};

// Takes batches as the collector does, and answers with receipts.
class Collector {
 public:
  explicit Collector(const std::string& url) {
    MqttOptions options;
    options.url = url;
    options.client_id = "collector";
    options.subscriptions = {{.topic = "tributary/+/events/+", .qos = 1},
                             {.topic = "tributary/+/status", .qos = 1}};
    client_ = must(MqttClient::create(std::move(options)));
    REQUIRE(until([this] { return client_->state().subscribed; }));
  }

  // Works until that is so; false when the time is over.
  bool until(const std::function<bool()>& condition, std::chrono::seconds limit = kLimit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      work();
    }
    return true;
  }

  bool answers = true;       // with receipts
  int swallow_receipts = 0;  // so many are not sent
  std::set<std::string> events;
  std::uint64_t lines = 0;
  std::vector<MqttMessage> batches;
  std::map<std::string, std::string> statuses;

 private:
  void work() {
    const auto round = client_->poll(20ms);
    for (const auto& message : round.messages) hear(message);
    // Where the connection ends in this, the batches come again.
    static_cast<void>(client_->acknowledge(round.generation));
  }

  void hear(const MqttMessage& message) {
    if (message.topic.ends_with("/status")) {
      statuses[message.topic] = message.payload;
      return;
    }
    std::uint64_t accepted = 0;
    std::stringstream text(message.payload);
    for (std::string line; std::getline(text, line); ++accepted) events.insert(line);
    lines += accepted;
    batches.push_back(message);
    if (!answers || swallow_receipts-- > 0) return;
    MqttPublication receipt{
        .topic = message.properties.response_topic, .payload = {}, .qos = 0, .properties = {}};
    receipt.properties.correlation_data = message.properties.correlation_data;
    receipt.properties.user_properties = {{"accepted", std::to_string(accepted)},
                                          {"rejected", "0"}};
    static_cast<void>(client_->publish(receipt));
  }

  std::unique_ptr<MqttClient> client_;
};

SensorConfig simulator(double rate, const std::string& id = "e-sim-1") {
  return {.name = id,
          .pipeline = "telemetry",
          .options = SimulatorOptions{.sensor_id = id, .rate = rate}};
}

SensorConfig office_room() {
  CsvOptions options;
  options.path = std::string(TEST_DATA_DIRECTORY) + "/office_room.csv";
  options.time_column = "Date";
  options.time_format = *TimeFormat::create("%Y-%m-%d %H:%M:%S", "UTC");
  options.set = {{{"sensor_id"}, R"("office")"}};
  return {.name = "csv office_room.csv", .pipeline = "office", .options = std::move(options)};
}

Config config(const Directory& directory, const std::string& url,
              std::vector<SensorConfig> sensors) {
  Config config;
  config.id = "e";
  config.publisher.edge = "e";
  config.publisher.mqtt.url = url;
  config.publisher.mqtt.reconnect_wait_min = 50ms;
  config.publisher.mqtt.reconnect_wait_max = 200ms;
  config.buffer.path = directory.path / "buffer";
  config.buffer.size_max = 16U << 20;
  config.buffer.sync = 10ms;
  config.http.listen = {"127.0.0.1:0"};
  config.sensors = std::move(sensors);
  return config;
}

std::unique_ptr<Agent> start(Config config) {
  static const SystemClock clock;
  return must(Agent::start(std::move(config), posix_file_system(), clock));
}

// The system's, and as much later as it was told to be.
class JumpingClock final : public Clock {
 public:
  Timestamp now() const override { return clock_.now(); }
  std::chrono::nanoseconds monotonic() const override {
    return clock_.monotonic() + std::chrono::nanoseconds(later_.load());
  }
  void jump(std::chrono::nanoseconds by) { later_ += by.count(); }

 private:
  SystemClock clock_;
  std::atomic<std::chrono::nanoseconds::rep> later_ = 0;
};

nlohmann::json get(const Agent& agent, const std::string& path) {
  return nlohmann::json::parse(must(http_get(agent.addresses().at(0), path)));
}

}  // namespace

TEST_CASE("a recording arrives whole, and then the agent is done") {
  const Directory directory;
  Mosquitto broker;
  Collector collector(broker.url());
  const auto agent = start(config(directory, broker.url(), {office_room()}));
  REQUIRE(collector.until([&] { return agent->done(); }));
  REQUIRE(collector.events.size() == 8143);
  REQUIRE(collector.lines == 8143);

  const auto& batch = collector.batches.at(0);
  REQUIRE(batch.topic == "tributary/e/events/office");
  REQUIRE(batch.qos == 1);
  REQUIRE(batch.payload.size() <= 64U << 10);
  REQUIRE(batch.properties.user_property("edge") == "e");
  REQUIRE(batch.properties.user_property("log") == agent->buffers().at(0)->log().id().text());
  REQUIRE(batch.properties.user_property("sequence") == "1");
  REQUIRE(batch.properties.response_topic == "tributary/e/receipts");
  REQUIRE(batch.properties.message_expiry == 10s);
  const auto correlation = decode_correlation(batch.properties.correlation_data);
  REQUIRE(correlation->log == agent->buffers().at(0)->log().id());
  REQUIRE(correlation->range.first.value == 1);
}

TEST_CASE("the status says online while connected, and offline after the end") {
  const Directory directory;
  Mosquitto broker;
  Collector collector(broker.url());
  auto agent = start(config(directory, broker.url(), {}));
  REQUIRE(collector.until([&] {
    return collector.statuses["tributary/e/status"].starts_with(R"({"status":"online")");
  }));
  auto status = nlohmann::json::parse(collector.statuses["tributary/e/status"]);
  REQUIRE(status["uptime_seconds"] < 60);
  status.erase("uptime_seconds");
  REQUIRE(status == nlohmann::json{{"status", "online"},
                                   {"version", kVersion},
                                   {"buffer_records", 0},
                                   {"buffer_bytes", 0},
                                   {"buffer_oldest", nullptr},
                                   {"sampled", 0},
                                   {"published", 0},
                                   {"dropped", 0},
                                   {"damaged", 0}});
  agent->stop(1s);
  REQUIRE(collector.until(
      [&] { return collector.statuses["tributary/e/status"] == R"({"status":"offline"})"; }));
}

TEST_CASE("the status at a connect tells what waited for it") {
  const Directory directory;
  Mosquitto broker;
  broker.kill();
  const auto agent = start(config(directory, broker.url(), {office_room(), simulator(500)}));
  const auto end = std::chrono::steady_clock::now() + kLimit;
  while (agent->records() < 8143 + 20 && std::chrono::steady_clock::now() < end) ::usleep(1000);
  const auto oldest =
      std::min(*agent->buffers().at(0)->report().oldest, *agent->buffers().at(1)->report().oldest);
  broker.start();
  Collector collector(broker.url());
  collector.answers = false;
  REQUIRE(collector.until([&] {
    return collector.statuses["tributary/e/status"].starts_with(R"({"status":"online")");
  }));
  const auto status = nlohmann::json::parse(collector.statuses["tributary/e/status"]);
  REQUIRE(status["sampled"] >= 8143 + 20);
  REQUIRE(status["buffer_records"] >= 8143 + 20);
  REQUIRE(status["buffer_bytes"] > 8143 * 100);
  REQUIRE(status["buffer_oldest"] == oldest.text());
  REQUIRE(status["published"] == 0);
}

TEST_CASE("without a broker the agent samples into its buffer, and a later start delivers it") {
  const Directory directory;
  const auto nowhere = "mqtt://127.0.0.1:" + std::to_string(free_port());
  std::uint64_t sampled = 0;
  {
    const auto agent = start(config(directory, nowhere, {simulator(500)}));
    const auto end = std::chrono::steady_clock::now() + kLimit;
    while (agent->records() < 50 && std::chrono::steady_clock::now() < end) ::usleep(1000);
    REQUIRE(agent->records() >= 50);
    REQUIRE_FALSE(http_get(agent->addresses().at(0), "/health"));  // 503
    agent->stop(10s);                                              // doesn't wait for nobody
    sampled = agent->records();
  }
  Mosquitto broker;
  Collector collector(broker.url());
  const auto agent =
      start(config(directory, broker.url(), {}));  // no sensor: delivers what is there
  REQUIRE(collector.until([&] { return agent->done(); }));
  REQUIRE(collector.events.size() == sampled);
}

TEST_CASE("an agent whose disk doesn't come back says that it hangs, and goes on when it does") {
  const Directory directory;
  HeldFileSystem disk;
  JumpingClock clock;
  const auto agent =
      must(Agent::start(config(directory, "mqtt://127.0.0.1:1", {simulator(100)}), disk, clock));
  const auto committer = [&] { return agent->health().report().checks.at("committer"); };
  REQUIRE(committer().up);
  disk.hold();
  REQUIRE(disk.wait_until_held());
  REQUIRE(committer().up);
  clock.jump(31s);
  REQUIRE(committer().hangs);
  REQUIRE_FALSE(committer().up);
  disk.release();
  const auto end = std::chrono::steady_clock::now() + kLimit;
  while (!committer().up && std::chrono::steady_clock::now() < end) ::usleep(1000);
  REQUIRE(committer().up);
  REQUIRE_FALSE(agent->health().report().checks.at("sampler").hangs);
}

TEST_CASE("a broker that dies takes no event with it") {
  const Directory directory;
  Mosquitto broker;
  Collector collector(broker.url());
  const auto agent = start(config(directory, broker.url(), {simulator(500)}));
  for (int i = 0; i < 3; ++i) {
    const auto before = collector.lines;
    REQUIRE(collector.until([&] { return collector.lines > before + 50; }));
    broker.kill();
    broker.start();
  }
  const auto before = collector.lines;
  REQUIRE(collector.until([&] { return collector.lines > before + 50; }));
  std::jthread stopping([&] { agent->stop(30s); });
  REQUIRE(collector.until([&] { return agent->records() == 0; }));
  stopping.join();
  REQUIRE(collector.events.size() == agent->buffers().at(0)->counts().sampled);
}

TEST_CASE("events wait for a collector that subscribes later, and health says who is missing") {
  const Directory directory;
  Mosquitto broker;
  const auto agent = start(config(directory, broker.url(), {simulator(100)}));
  const auto address = agent->addresses().at(0);
  const auto end = std::chrono::steady_clock::now() + kLimit;
  const auto mqtt_health = [&] { return agent->health().report().checks.at("mqtt").detail; };
  while (!mqtt_health().starts_with("nobody is subscribed") &&
         std::chrono::steady_clock::now() < end)
    ::usleep(1000);
  REQUIRE(mqtt_health() ==
          "nobody is subscribed to tributary/+/events/+: is the collector running?");
  Collector collector(broker.url());
  REQUIRE(collector.until([&] { return collector.lines > 100; }));
  REQUIRE(get(*agent, "/health")["status"] == "up");
  REQUIRE(get(*agent, "/health")["checks"].contains("buffer:telemetry"));
  REQUIRE(get(*agent, "/health")["checks"].contains("sensor:e-sim-1"));
  REQUIRE(get(*agent, "/health/live")["status"] == "up");
  REQUIRE(get(*agent, "/buffer")["pipelines"][0]["pipeline"] == "telemetry");
}

TEST_CASE("a receipt that gets lost brings its batch back") {
  const Directory directory;
  Mosquitto broker;
  Collector collector(broker.url());
  collector.swallow_receipts = 2;
  auto patient = config(directory, broker.url(), {office_room()});
  patient.publisher.receipts.timeout = 1s;
  const auto agent = start(std::move(patient));
  REQUIRE(collector.until([&] { return agent->done(); }));
  REQUIRE(collector.events.size() == 8143);
  REQUIRE(collector.lines > 8143);
}

TEST_CASE("with puback a batch is done when the broker has it for a subscriber") {
  const Directory directory;
  Mosquitto broker;
  Collector collector(broker.url());
  collector.answers = false;
  auto quick = config(directory, broker.url(), {office_room()});
  quick.publisher.receipts.receipts = false;
  const auto agent = start(std::move(quick));
  REQUIRE(collector.until([&] { return agent->done() && collector.lines == 8143; }));
  REQUIRE(collector.batches.at(0).properties.response_topic.empty());
}

TEST_CASE("a broker that refuses the receipts' subscription is an error in words") {
  const Directory directory;
  Mosquitto broker({"acl_file {directory}/acl"}, {{"acl", "topic write tributary/+/events/+\n"}});
  const auto agent = start(config(directory, broker.url(), {simulator(10)}));
  const auto end = std::chrono::steady_clock::now() + kLimit;
  const auto mqtt = [&] { return agent->health().report().checks.at("mqtt"); };
  while (mqtt().detail.find("subscription") == std::string::npos &&
         std::chrono::steady_clock::now() < end)
    ::usleep(1000);
  REQUIRE_FALSE(mqtt().up);
}

TEST_CASE("the metrics account for every record") {
  const Directory directory;
  Mosquitto broker;
  Collector collector(broker.url());
  const auto agent = start(config(directory, broker.url(), {office_room()}));
  REQUIRE(collector.until([&] { return agent->done(); }));
  const auto metrics = must(http_get(agent->addresses().at(0), "/metrics"));
  CAPTURE(metrics);
  for (const auto* const line :
       {"tributary_edge_sampled_total{pipeline=\"office\"} 8143",
        "tributary_edge_published_total{pipeline=\"office\"} 8143",
        "tributary_edge_rejected_total{pipeline=\"office\"} 0",
        "tributary_edge_buffer_records{pipeline=\"office\"} 0", "tributary_edge_connected 1"}) {
    REQUIRE(metrics.find(line) != std::string::npos);
  }
}

TEST_CASE("a second agent on the same buffer is told that it is in use") {
  const Directory directory;
  const auto nowhere = "mqtt://127.0.0.1:" + std::to_string(free_port());
  const auto agent = start(config(directory, nowhere, {simulator(1)}));
  const SystemClock clock;
  const auto second =
      Agent::start(config(directory, nowhere, {simulator(1)}), posix_file_system(), clock);
  REQUIRE_FALSE(second);
  REQUIRE(second.error() == errc::log_locked);
}
