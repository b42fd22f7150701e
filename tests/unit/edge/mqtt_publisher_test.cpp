#include "edge/publish/mqtt_publisher.h"

#include <catch2/catch.hpp>

#include "tests/unit/edge/fakes.h"

using namespace tributary;
using namespace tributary::edge;
using namespace tributary::edge::test;

namespace {

// What passes between publisher and broker.
struct Wire {
  MqttState state;
  bool connects = false;  // in the next poll()
  std::optional<MqttPublication> will;
  std::vector<std::string> statuses;
};

class FakeMqttClient final : public MqttClient {
 public:
  FakeMqttClient(Wire& wire, MqttOptions options) : wire_(wire) { wire.will = options.will; }

  MqttRound poll(std::chrono::milliseconds, std::size_t, std::size_t) override {
    MqttRound round;
    round.connected = std::exchange(wire_.connects, false);
    if (round.connected) wire_.state.connected = wire_.state.subscribed = true;
    return round;
  }
  bool hold() override { return true; }
  Result<void> acknowledge(std::uint64_t) override { return {}; }
  Result<int> publish(const MqttPublication& publication) override {
    REQUIRE(publication.topic == "tributary/e/status");
    REQUIRE(publication.retain);
    wire_.statuses.push_back(publication.payload);
    return 1;
  }
  void unsubscribe() override {}
  void wake() override {}
  void disconnect(bool) override {}
  [[nodiscard]] const MqttState& state() const override { return wire_.state; }

 private:
  Wire& wire_;
};

}  // namespace

TEST_CASE(
    "the status is published at each connect and every half a minute, and offline at the end") {
  Wire wire;
  FakeClock clock;
  int asked = 0;
  MqttPublisherOptions options;
  options.edge = "e";
  options.status = [&asked] { return std::to_string(++asked); };
  options.make_client = [&wire](MqttOptions mqtt) -> Result<std::unique_ptr<MqttClient>> {
    return std::make_unique<FakeMqttClient>(wire, std::move(mqtt));
  };
  const auto publisher = must(MqttPublisher::create(std::move(options), clock));
  REQUIRE(wire.will->topic == "tributary/e/status");
  REQUIRE(wire.will->payload == R"({"status":"offline"})");
  REQUIRE(wire.will->retain);

  const auto poll_for = [&](std::chrono::seconds time) {
    for (auto second = 0s; second < time; ++second) {
      clock.advance(1s);
      publisher->poll(0ms);
    }
  };
  poll_for(60s);
  REQUIRE(wire.statuses.empty());
  wire.connects = true;
  poll_for(30s);
  REQUIRE(wire.statuses == std::vector<std::string>{"1"});
  poll_for(1s);
  REQUIRE(wire.statuses == std::vector<std::string>{"1", "2"});
  poll_for(29s);
  wire.connects = true;
  publisher->poll(0ms);
  REQUIRE(wire.statuses.size() == 3);
  poll_for(29s);
  REQUIRE(wire.statuses.size() == 3);
  poll_for(3600s);
  REQUIRE(wire.statuses.size() == 3 + 120);
  publisher->close();
  REQUIRE(wire.statuses.back() == R"({"status":"offline"})");
}
