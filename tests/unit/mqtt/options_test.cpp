#include <catch2/catch.hpp>

#include "shared/mqtt/client.h"

using namespace std::chrono_literals;
using tributary::MqttClient;
using tributary::MqttOptions;

namespace {

MqttOptions good() {
  MqttOptions options;
  options.url = "mqtt://127.0.0.1";
  options.client_id = "test";
  return options;
}

}  // namespace

TEST_CASE("a client is made without connecting, and says that it isn't") {
  const auto client = MqttClient::create(good());
  REQUIRE(client);
  REQUIRE(!(*client)->state().connected);
  REQUIRE((*client)->state().error == "not connected yet");
  REQUIRE(!(*client)->hold());
  REQUIRE((*client)->acknowledge(1));
  const auto published = (*client)->publish({.topic = "a", .payload = "b", .properties = {}});
  REQUIRE(!published);
  REQUIRE(published.error() == tributary::errc::not_connected);
}

TEST_CASE("options that can't work are refused when the client is made") {
  auto options = good();
  SECTION("a URL that is none") { options.url = "127.0.0.1"; }
  SECTION("a persistent session without a client id") {
    options.client_id.clear();
    options.clean_start = false;
  }
  SECTION("a keepalive that libmosquitto refuses") { options.keepalive = 4s; }
  SECTION("no keepalive") { options.keepalive = 0s; }
  SECTION("a receive maximum of 0, which MQTT forbids") { options.receive_maximum = 0; }
  SECTION("a packet size of 0, which MQTT forbids") { options.packet_size_max = 0; }
  SECTION("a subscription with QoS 2") { options.subscriptions = {{.topic = "a", .qos = 2}}; }
  SECTION("a subscription to nothing") { options.subscriptions = {{.topic = ""}}; }
  SECTION("a filter with a wildcard in the middle") {
    options.subscriptions = {{.topic = "a/#/b"}};
  }
  SECTION("a last will with a wildcard") {
    options.will = {.topic = "a/+", .payload = "", .properties = {}};
  }
  SECTION("a last will with a property that isn't UTF-8") {
    options.will = {.topic = "a", .payload = "", .properties = {}};
    options.will->properties.user_properties = {{"name", "\xFF"}};
  }
  SECTION("a password without a user") { options.password = "secret"; }
  SECTION("two users") {
    options.url = "mqtt://a@127.0.0.1";
    options.user = "b";
  }
  SECTION("TLS files without TLS") { options.tls.ca_file = "/etc/ssl/certs/ca-certificates.crt"; }
  SECTION("a CA file that isn't there") {
    options.url = "mqtts://127.0.0.1";
    options.tls.ca_file = "/nowhere";
  }
  SECTION("a certificate without its key") {
    options.url = "mqtts://127.0.0.1";
    options.tls.certificate_file = "/nowhere";
  }
  SECTION("a reconnect that doesn't wait") { options.reconnect_wait_min = 0ms; }
  SECTION("a reconnect that waits at most less than at least") { options.reconnect_wait_max = 1ms; }
  SECTION("no time to connect") { options.connect_timeout = 0ms; }
  const auto client = MqttClient::create(options);
  REQUIRE(!client);
  REQUIRE(client.error() == tributary::errc::invalid_argument);
}

TEST_CASE("a user property is found by its name, the first of several") {
  tributary::MqttProperties properties;
  properties.user_properties = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  REQUIRE(properties.user_property("a") == "1");
  REQUIRE(properties.user_property("b") == "2");
  REQUIRE(!properties.user_property("c"));
}
