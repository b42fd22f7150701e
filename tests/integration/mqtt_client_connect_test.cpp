// Connecting, failing to, and noticing that a connection is gone.

#include <algorithm>
#include <filesystem>
#include <thread>

#include "tests/integration/mqtt_client_driver.h"

using namespace tributary;

namespace {

using Answer = TcpProxy::Answer;

// The protocol level of a CONNECT (MQTT 5, 3.1.2.2): 5, or 4 for 3.1.1.
int protocol_level(std::string_view connect) {
  const auto name = connect.find("MQTT");
  return name == std::string_view::npos || name + 4 >= connect.size() ? 0 : connect[name + 4];
}

bool says(const MqttDriver& client, const std::string& words) {
  return client->state().error.contains(words);
}

std::string dynamic_security_plugin() {
  for (const auto& folder : std::filesystem::directory_iterator("/usr/lib")) {
    const auto file = folder.path() / "mosquitto_dynamic_security.so";
    if (std::filesystem::exists(file)) return file;
  }
  FAIL("Mosquitto's dynamic security plugin is not installed");
  return {};
}

}  // namespace

TEST_CASE("a broker that is away at the start is found once it is there") {
  Mosquitto broker;
  broker.stop();
  auto options = mqtt_options(broker.url(), "client", {{.topic = "t"}});
  options.reconnect_wait_max = 500ms;
  MqttDriver client(options);
  REQUIRE(client.until([&] { return says(client, "refused"); }));
  REQUIRE(client->state().error ==
          "broker 127.0.0.1:" + std::to_string(broker.port()) + ": connection refused");
  REQUIRE(client.connects == 0);
  broker.start();
  REQUIRE(client.until_subscribed());
  REQUIRE(client->state().error.empty());
  REQUIRE(client->state().generation == 1);
  REQUIRE(client->state().protocol == 5);
}

TEST_CASE("a broker that is killed and started again is connected to and subscribed to again") {
  Mosquitto broker;
  MqttDriver client(mqtt_options(broker.url(), "client", {{.topic = "t"}}));
  REQUIRE(client.until_subscribed());
  broker.kill();
  REQUIRE(client.until([&] { return client.disconnects == 1; }));
  REQUIRE(!client->state().connected);
  REQUIRE(!client->state().subscribed);
  REQUIRE(!client->state().error.empty());
  broker.start();
  REQUIRE(client.until_subscribed());
  REQUIRE(client->state().generation == 2);
  REQUIRE(client->publish(publication("t", "1")));
  REQUIRE(client.until([&] { return client.messages.size() == 1; }));
}

TEST_CASE("a name is looked up, and its addresses are tried") {
  const Mosquitto broker;
  MqttDriver client(mqtt_options("mqtt://localhost:" + std::to_string(broker.port()), "client"));
  REQUIRE(client.until([&] { return client->state().connected; }));
}

TEST_CASE("a name that doesn't exist is named in the error") {
  MqttDriver client(mqtt_options("mqtt://no-such-host.invalid", "client"));
  REQUIRE(client.until([&] { return says(client, "no-such-host.invalid: "); }, 40s));
}

TEST_CASE("a broker that accepts and throws out is asked more and more seldom") {
  const TcpProxy kicker(
      1, [](std::string_view) { return Answer{std::string("\x20\x03\x00\x00\x00", 5)}; });
  MqttDriver client(mqtt_options(kicker.url(), "client"));
  // From 100 ms on; without growth no wait is over 300 ms.
  const auto longest_gap = [&] {
    const auto times = kicker.accepted();
    std::chrono::steady_clock::duration longest{};
    for (std::size_t i = 1; i < times.size(); ++i)
      longest = std::max(longest, times[i] - times[i - 1]);
    return longest;
  };
  REQUIRE(client.until([&] { return longest_gap() > 700ms; }, 60s));
  REQUIRE(client.connects >= 2);
  REQUIRE(client.disconnects >= 1);
  REQUIRE(client.connects <= static_cast<int>(kicker.accepted().size()));
}

TEST_CASE("a subscription that the broker refuses shows, the others are granted") {
  const Mosquitto broker(
      {"plugin " + dynamic_security_plugin(), "plugin_opt_config_file {directory}/security.json"},
      {{"security.json", R"({
    "defaultACLAccess": {"publishClientSend": true, "publishClientReceive": true, "subscribe": false, "unsubscribe": true},
    "roles": [{"rolename": "reader", "acls": [{"acltype": "subscribePattern", "topic": "allowed/#", "allow": true}]}],
    "groups": [{"groupname": "all", "roles": [{"rolename": "reader"}]}],
    "anonymousGroup": "all", "clients": []})"}});
  MqttDriver client(
      mqtt_options(broker.url(), "client", {{.topic = "allowed/a"}, {.topic = "forbidden/a"}}));
  REQUIRE(client.until([&] { return !client->state().refused_subscription.empty(); }));
  REQUIRE(client->state().refused_subscription == "forbidden/a: Not authorized");
  REQUIRE(client->state().connected);
  REQUIRE(!client->state().subscribed);
  REQUIRE(client->publish(publication("allowed/a", "1")));
  REQUIRE(client.until([&] { return client.messages.size() == 1; }));
  REQUIRE(!client->state().subscribed);
}

TEST_CASE("a wrong password is said in words, and the right one works") {
  // mosquitto_passwd's line for the password "right".
  const Mosquitto broker(
      {"allow_anonymous false", "password_file {directory}/passwords"},
      {{"passwords",
        "gateway:$7$101$wdVXqxb84bTMHsle$kpXDuQ3o6h1heU6kYtRt3cypy6DmPZ4vOX+KOy0R2TrPpjuPM221"
        "iBrSsulqZw0y6sHkDKmIVe0xbnX9Es9s6Q==\n"}});
  auto options =
      mqtt_options("mqtt://gateway@127.0.0.1:" + std::to_string(broker.port()), "client");
  options.password = "wrong";
  MqttDriver wrong(options);
  REQUIRE(wrong.until([&] { return says(wrong, "not authorised"); }));
  REQUIRE(wrong->state().error == "broker 127.0.0.1:" + std::to_string(broker.port()) +
                                      ": not authorised: check mqtt.user and its password");
  options.password = "right";
  MqttDriver right(options);
  REQUIRE(right.until([&] { return right->state().connected; }));
}

TEST_CASE("a broker that knows only 3.1.1 is spoken to in 3.1.1, without properties") {
  const auto refusal =
      GENERATE(std::string("\x20\x02\x00\x01", 4), std::string("\x20\x03\x00\x84\x00", 5));
  const Mosquitto broker;
  const TcpProxy proxy(broker.port(), [&](std::string_view connect) -> std::optional<Answer> {
    if (protocol_level(connect) == 5) return Answer{refusal};
    return std::nullopt;
  });
  auto options = persistent(
      mqtt_options(proxy.url(), "client", {{.topic = "t", .retain_as_published = true}}));
  options.will = publication("status", "gone");
  options.will->properties.user_properties = {{"a", "b"}};
  MqttDriver client(options);
  REQUIRE(client.until_subscribed());
  REQUIRE(client->state().protocol == 3);
  REQUIRE(protocol_level(proxy.bytes(1)) == 4);
  auto sent = publication("t", "1");
  sent.properties.user_properties = {{"a", "b"}};
  REQUIRE(client->publish(sent));
  REQUIRE(client.until([&] { return client.messages.size() == 1 && client.pubacks.size() == 1; }));
  REQUIRE(client.messages[0].payload == "1");
  REQUIRE(client.messages[0].properties.user_properties.empty());
  REQUIRE(client.pubacks[0].reason == 0);
}

TEST_CASE("a server that accepts and never answers is given up in time") {
  const TcpProxy silent(1, [](std::string_view) { return Answer{.bytes = {}, .close = false}; });
  auto options = mqtt_options(silent.url(), "client");
  options.connect_timeout = 300ms;
  MqttDriver client(options);
  REQUIRE(client.until([&] { return says(client, "doesn't answer"); }));
  REQUIRE(client.until([&] { return silent.accepted().size() >= 2; }));
}

TEST_CASE("a server that isn't a broker is said to be none") {
  const TcpProxy web(1, [](std::string_view) {
    return Answer{"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n" +
                  std::string(100, '.')};
  });
  MqttDriver client(mqtt_options(web.url(), "client"));
  REQUIRE(client.until([&] { return says(client, "not MQTT"); }));
}

TEST_CASE("a broker that falls silent is noticed by its missing answers to pings") {
  const Mosquitto broker;
  TcpProxy proxy(broker.port());
  MqttDriver client(mqtt_options(proxy.url(), "client"));
  REQUIRE(client.until([&] { return client->state().connected; }));
  REQUIRE(client.until(
      [&] { return proxy.count(0, MqttPacket::pingresp, TcpProxy::Direction::to_client) >= 1; }));
  REQUIRE(client.disconnects == 0);
  proxy.stall(true);
  REQUIRE(client.until([&] { return client.disconnects == 1; }, 15s));
  REQUIRE(says(client, "pings"));
}

TEST_CASE("a broker that throws us out with a reason is quoted") {
  // A CONNACK, and a DISCONNECT: session taken over.
  const TcpProxy broker(1, [](std::string_view) {
    return Answer{.bytes = std::string("\x20\x03\x00\x00\x00\xE0\x02\x8E\x00", 9), .close = false};
  });
  MqttDriver client(mqtt_options(broker.url(), "client"));
  REQUIRE(client.until([&] { return client.disconnects == 1; }));
  REQUIRE(says(client, "the broker disconnected us: Session taken over"));
}

TEST_CASE("CONNECT asks for what the options say") {
  const Mosquitto broker;
  const TcpProxy proxy(broker.port());
  auto options = persistent(mqtt_options(proxy.url(), "client"));
  options.receive_maximum = 0x0102;
  options.packet_size_max = 0x03040506;
  options.session_expiry = std::chrono::seconds(0x0708090A);
  MqttDriver client(options);
  REQUIRE(client.until([&] { return client->state().connected; }));
  const auto connect = proxy.bytes(0);
  REQUIRE(protocol_level(connect) == 5);
  REQUIRE(connect.contains(std::string("\x11\x07\x08\x09\x0A", 5)));
  REQUIRE(connect.contains(std::string("\x27\x03\x04\x05\x06", 5)));
  REQUIRE(connect.contains(std::string("\x21\x01\x02", 3)));
  // No clean start, keepalive 5 s.
  REQUIRE(connect.contains(std::string("MQTT\x05\x00\x00\x05", 8)));
}

TEST_CASE("wake() ends a wait, from another thread and before it begins") {
  const Mosquitto broker;
  MqttDriver client(mqtt_options(broker.url(), "client"));
  REQUIRE(client.until([&] { return client->state().connected; }));
  const auto start = std::chrono::steady_clock::now();
  {
    const std::jthread waker([&] { client->wake(); });
    const auto round = client->poll(30s);
    REQUIRE(round.messages.empty());
  }
  client->wake();
  REQUIRE(client->poll(30s).messages.empty());
  REQUIRE(std::chrono::steady_clock::now() - start < 10s);
}
