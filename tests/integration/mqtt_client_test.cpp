// Messages, acknowledgements and publications, against a real Mosquitto and on the wire.

#include <algorithm>
#include <set>

#include "shared/mqtt/client.h"
#include "tests/integration/mqtt_client_driver.h"

using namespace tributary;

namespace {

const std::vector<std::string> kFive{"1", "2", "3", "4", "5"};

std::vector<std::uint16_t> puback_ids(const TcpProxy& proxy, std::size_t connection) {
  std::vector<std::uint16_t> ids;
  for (const auto& packet : proxy.packets(connection)) {
    if (packet.type == MqttPacket::puback) ids.push_back(packet.id);
  }
  return ids;
}

}  // namespace

TEST_CASE("no PUBACK leaves before acknowledge, and the connection stays, for three keepalives") {
  const Mosquitto broker;
  const TcpProxy proxy(broker.port());
  MqttDriver publisher(mqtt_options(broker.url(), "publisher"));
  MqttDriver subscriber(persistent(mqtt_options(proxy.url(), "subscriber", {{.topic = "t"}})));
  REQUIRE(subscriber.until_subscribed());
  publish_all(publisher, "t", kFive);
  const auto generation = subscriber.held_round();

  const auto start = std::chrono::steady_clock::now();
  REQUIRE(
      hold_until(*subscriber, [&] { return std::chrono::steady_clock::now() - start > 16s; }, 20s));
  REQUIRE(proxy.count(0, MqttPacket::puback) == 0);
  REQUIRE(proxy.count(0, MqttPacket::pingreq) >= 5);

  REQUIRE(subscriber->acknowledge(generation));
  REQUIRE(subscriber.until([&] { return proxy.count(0, MqttPacket::puback) == kFive.size(); }));
  REQUIRE(payloads_of(subscriber.messages) == kFive);
  REQUIRE(proxy.accepted().size() == 1);
  REQUIRE(subscriber.disconnects == 0);
  REQUIRE(!broker.log().contains("subscriber has exceeded timeout"));
}

TEST_CASE("after a reconnect nothing old is acknowledged, and the messages come again in order") {
  const Mosquitto broker;
  TcpProxy proxy(broker.port());
  MqttDriver publisher(mqtt_options(broker.url(), "publisher"));
  MqttDriver subscriber(persistent(mqtt_options(proxy.url(), "subscriber", {{.topic = "t"}})));
  REQUIRE(subscriber.until_subscribed());
  publish_all(publisher, "t", kFive);
  const auto old_generation = subscriber.held_round();

  proxy.cut();
  REQUIRE(!hold_until(*subscriber, [] { return false; }));
  REQUIRE(subscriber->acknowledge(old_generation));
  REQUIRE(subscriber.round().disconnected);
  REQUIRE(!subscriber->state().error.empty());

  subscriber.messages.clear();
  const auto generation = subscriber.held_round();
  REQUIRE(generation == old_generation + 1);
  REQUIRE(subscriber->state().session_present);
  REQUIRE(subscriber->acknowledge(old_generation));
  REQUIRE(subscriber->hold());
  REQUIRE(proxy.count(0, MqttPacket::puback) == 0);
  REQUIRE(proxy.count(1, MqttPacket::puback) == 0);

  REQUIRE(subscriber->acknowledge(generation));
  REQUIRE(subscriber.until([&] { return proxy.count(1, MqttPacket::puback) == kFive.size(); }));
  REQUIRE(proxy.count(0, MqttPacket::puback) == 0);
  REQUIRE(payloads_of(subscriber.messages) == kFive);
}

TEST_CASE("a good-bye with an unacknowledged round leaves its messages with the broker") {
  const Mosquitto broker;
  const TcpProxy proxy(broker.port());
  MqttDriver publisher(mqtt_options(broker.url(), "publisher"));
  const auto options = persistent(mqtt_options(proxy.url(), "subscriber", {{.topic = "t"}}));
  {
    MqttDriver subscriber(options);
    REQUIRE(subscriber.until_subscribed());
    publish_all(publisher, "t", {"1"});
    subscriber.held_round();
    REQUIRE(subscriber->publish(publication("t", "2")));
    subscriber->disconnect(true);
    REQUIRE(!subscriber->state().connected);
    REQUIRE(subscriber.round(0ms).messages.empty());
  }
  REQUIRE(proxy.packets(0).back().type == MqttPacket::disconnect);
  REQUIRE(proxy.count(0, MqttPacket::puback) == 0);
  MqttDriver again(options);
  REQUIRE(again.until([&] { return !again.messages.empty(); }));
  REQUIRE(payloads_of(again.messages) == std::vector<std::string>{"1"});
}

TEST_CASE("10,000 messages are drained in batches, each acknowledged, none twice") {
  const Mosquitto broker({"max_inflight_messages 1000"});
  TcpProxy proxy(broker.port());
  MqttDriver publisher(mqtt_options(broker.url(), "publisher"));
  MqttDriver subscriber(persistent(mqtt_options(proxy.url(), "subscriber", {{.topic = "t"}})));
  REQUIRE(subscriber.until_subscribed());
  std::vector<std::string> sent;
  for (int i = 0; i < 10'000; ++i) sent.push_back(std::to_string(i));
  proxy.stall(true);
  publish_all(publisher, "t", sent);
  proxy.stall(false);

  std::size_t largest = 0;
  REQUIRE(subscriber.until(
      [&] {
        largest = std::max(largest, subscriber.round(50ms, 700).messages.size());
        return subscriber.messages.size() >= sent.size();
      },
      60s));
  REQUIRE(largest <= 700);
  REQUIRE(payloads_of(subscriber.messages) == sent);
  REQUIRE(subscriber.until([&] { return puback_ids(proxy, 0).size() == sent.size(); }));
  REQUIRE(subscriber.disconnects == 0);
  REQUIRE(subscriber.round(100ms).messages.empty());
}

TEST_CASE("a round ends about where its bytes do") {
  const Mosquitto broker;
  MqttDriver publisher(mqtt_options(broker.url(), "publisher"));
  MqttDriver subscriber(mqtt_options(broker.url(), "subscriber", {{.topic = "t"}}));
  REQUIRE(subscriber.until_subscribed());
  publish_all(publisher, "t", std::vector<std::string>(20, std::string(10'000, 'x')));
  std::size_t received = 0;
  for (int tries = 0; received < 20 && tries < 100; ++tries) {
    const auto round = subscriber->poll(100ms, 5000, 30'000);
    REQUIRE(round.messages.size() <= 3);
    received += round.messages.size();
    REQUIRE(subscriber->acknowledge(round.generation));
  }
  REQUIRE(received == 20);
}

TEST_CASE("a PUBACK says whether anybody subscribed") {
  const Mosquitto broker;
  MqttDriver client(mqtt_options(broker.url(), "client", {{.topic = "heard"}}));
  REQUIRE(client.until_subscribed());
  const auto heard = client->publish(publication("heard", "1"));
  const auto unheard = client->publish(publication("unheard", "2"));
  REQUIRE(heard);
  REQUIRE(unheard);
  REQUIRE(client.until([&] { return client.pubacks.size() == 2; }));
  const auto reason = [&](int id) {
    return std::ranges::find(client.pubacks, id, &MqttPuback::id)->reason;
  };
  REQUIRE(reason(*heard) == 0x00);
  REQUIRE(reason(*unheard) == 0x10);
}

TEST_CASE("properties arrive as they were sent, and QoS 0 gets no PUBACK") {
  const Mosquitto broker;
  MqttDriver client(mqtt_options(broker.url(), "client", {{.topic = "t", .qos = 0}}));
  REQUIRE(client.until_subscribed());
  auto sent = publication("t", std::string("a\0b", 3), 0);
  sent.properties.response_topic = "tributary/a/receipts";
  sent.properties.correlation_data = {std::byte{0}, std::byte{255}, std::byte{7}};
  sent.properties.user_properties = {{"edge", "gateway-7"}, {"edge", ""}, {"größe", "1 µm"}};
  sent.properties.message_expiry = 60s;
  REQUIRE(client->publish(sent));
  REQUIRE(client->publish(publication("t", "", 0)));
  REQUIRE(client.until([&] { return client.messages.size() == 2; }));
  const auto& got = client.messages[0];
  REQUIRE(got.topic == "t");
  REQUIRE(got.payload == sent.payload);
  REQUIRE(got.qos == 0);
  REQUIRE(got.properties.response_topic == sent.properties.response_topic);
  REQUIRE(got.properties.correlation_data == sent.properties.correlation_data);
  REQUIRE(got.properties.user_properties == sent.properties.user_properties);
  REQUIRE(got.properties.message_expiry <= 60s);
  REQUIRE(got.properties.message_expiry >= 58s);
  REQUIRE(client.messages[1].payload.empty());
  REQUIRE(client.messages[1].properties.user_properties.empty());
  REQUIRE(client.pubacks.empty());
}

TEST_CASE("a publication that MQTT or the broker can't take is refused before it is queued") {
  const Mosquitto broker({"max_packet_size 2000"});
  MqttDriver client(mqtt_options(broker.url(), "client"));
  REQUIRE(client.until([&] { return client->state().connected; }));
  const auto refusal = [&](MqttPublication publication) {
    const auto published = client->publish(std::move(publication));
    REQUIRE(!published);
    return published.error().code();
  };
  REQUIRE(refusal(publication("a/+", "")) == make_error_code(errc::invalid_argument));
  REQUIRE(refusal(publication("", "")) == make_error_code(errc::invalid_argument));
  REQUIRE(refusal(publication("a", "", 2)) == make_error_code(errc::invalid_argument));
  auto nul = publication("a", "");
  nul.properties.user_properties = {{"a", std::string("b\0c", 3)}};
  REQUIRE(refusal(nul) == make_error_code(errc::invalid_argument));
  // 1 byte of type, 2 of length, 2 + 1 of topic, 2 of id, 1 of properties.
  REQUIRE(refusal(publication("a", std::string(1992, 'x'))) == make_error_code(errc::too_large));
  REQUIRE(client->publish(publication("a", std::string(1991, 'x'))));
  REQUIRE(client.until([&] { return client.pubacks.size() == 1; }));
}

TEST_CASE("as many publications are in flight as the broker allows, and no more") {
  const Mosquitto broker({"max_inflight_messages 3"});
  MqttDriver client(mqtt_options(broker.url(), "client"));
  REQUIRE(client.until([&] { return client->state().connected; }));
  REQUIRE(client->state().receive_maximum == 3);
  for (int i = 0; i < 3; ++i) REQUIRE(client->publish(publication("t", "")));
  const auto fourth = client->publish(publication("t", ""));
  REQUIRE(!fourth);
  REQUIRE(fourth.error() == errc::window_full);
  REQUIRE(client->publish(publication("t", "", 0)));
  REQUIRE(client.until([&] { return client.pubacks.size() == 3; }));
  REQUIRE(client->publish(publication("t", "")));
}

TEST_CASE(
    "publications in flight when the connection ends are not repeated behind the caller's back") {
  const Mosquitto broker;
  TcpProxy proxy(broker.port());
  MqttDriver client(persistent(mqtt_options(proxy.url(), "client")));
  REQUIRE(client.until([&] { return client->state().connected; }));
  proxy.stall(true);
  REQUIRE(client->publish(publication("t", "1")));
  client.round();
  REQUIRE(client->publish(publication("t", "2")));
  proxy.cut();
  proxy.stall(false);
  REQUIRE(client.until([&] { return client.connects == 2; }));
  const auto id = client->publish(publication("t", "3"));
  REQUIRE(id);
  REQUIRE(client.until([&] { return !client.pubacks.empty(); }));
  REQUIRE(client.pubacks.size() == 1);
  REQUIRE(client.pubacks[0].id == *id);
  REQUIRE(proxy.count(1, MqttPacket::publish) == 1);
}

TEST_CASE("the last will is published when the connection is cut, and not after a good-bye") {
  const Mosquitto broker;
  TcpProxy proxy(broker.port());
  MqttDriver watcher(mqtt_options(broker.url(), "watcher", {{.topic = "status/+"}}));
  REQUIRE(watcher.until_subscribed());
  const auto with_will = [&](const std::string& id) {
    auto options = mqtt_options(proxy.url(), id);
    options.will = publication("status/" + id, "gone");
    options.will->properties.user_properties = {{"reason", "unknown"}};
    return options;
  };
  MqttDriver polite(with_will("polite"));
  REQUIRE(polite.until([&] { return polite->state().connected; }));
  polite->disconnect();
  MqttDriver cut(with_will("cut"));
  REQUIRE(cut.until([&] { return cut->state().connected; }));
  proxy.cut();
  REQUIRE(watcher.until([&] { return !watcher.messages.empty(); }));
  REQUIRE(watcher.messages.size() == 1);
  REQUIRE(watcher.messages[0].topic == "status/cut");
  REQUIRE(watcher.messages[0].payload == "gone");
  REQUIRE(watcher.messages[0].properties.user_property("reason") == "unknown");
}

TEST_CASE("retain arrives as it was published where the subscription asks for it") {
  const Mosquitto broker;
  MqttDriver client(
      mqtt_options(broker.url(), "client",
                   {{.topic = "as/+", .retain_as_published = true}, {.topic = "not/+"}}));
  REQUIRE(client.until_subscribed());
  for (const auto* topic : {"as/a", "not/a"}) {
    auto retained = publication(topic, "1");
    retained.retain = true;
    REQUIRE(client->publish(retained));
  }
  REQUIRE(client.until([&] { return client.messages.size() == 2; }));
  for (const auto& message : client.messages) REQUIRE(message.retain == (message.topic == "as/a"));
}

TEST_CASE("giving up the subscriptions at the good-bye leaves nothing to queue for us") {
  const Mosquitto broker;
  MqttDriver publisher(mqtt_options(broker.url(), "publisher"));
  const auto options = persistent(mqtt_options(broker.url(), "subscriber", {{.topic = "t"}}));
  MqttDriver subscriber(options);
  REQUIRE(subscriber.until_subscribed());
  subscriber->disconnect(true);
  publish_all(publisher, "t", {"1"});
  REQUIRE(publisher.pubacks.back().reason == 0x10);
}

TEST_CASE("after unsubscribing, what the broker had queued still comes, and nothing newer") {
  const Mosquitto broker({"max_inflight_messages 1000"});
  MqttDriver publisher(mqtt_options(broker.url(), "publisher"));
  auto options = persistent(mqtt_options(broker.url(), "subscriber", {{.topic = "t"}}));
  options.receive_maximum = 2;
  MqttDriver subscriber(options);
  REQUIRE(subscriber.until_subscribed());
  publish_all(publisher, "t", kFive);
  subscriber->unsubscribe();
  REQUIRE(!subscriber->state().subscribed);
  REQUIRE(subscriber.until([&] { return subscriber.messages.size() == kFive.size(); }));
  publish_all(publisher, "t", {"6"});
  REQUIRE(publisher.pubacks.back().reason == 0x10);
  REQUIRE(payloads_of(subscriber.messages) == kFive);
}
