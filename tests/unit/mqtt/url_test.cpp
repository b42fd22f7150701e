#include "shared/mqtt/url.h"

#include <catch2/catch.hpp>

using tributary::parse_mqtt_url;
using tributary::topic_matches;

namespace {

struct Good {
  std::string_view url;
  bool tls;
  std::string_view user;
  std::string_view host;
  int port;
};

}  // namespace

TEST_CASE("an MQTT URL gives the scheme, user, host and port") {
  const auto [url, tls, user, host, port] = GENERATE(values<Good>({
      {"mqtt://broker", false, "", "broker", 1883},
      {"mqtts://broker", true, "", "broker", 8883},
      {"mqtt://broker/", false, "", "broker", 1883},
      {"MQTT://broker", false, "", "broker", 1883},
      {"mqtt://10.0.0.1:1884", false, "", "10.0.0.1", 1884},
      {"mqtt://gateway@broker.example.org", false, "gateway", "broker.example.org", 1883},
      {"mqtts://a%40b@broker:1", true, "a@b", "broker", 1},
      {"mqtt://a@b@broker", false, "a@b", "broker", 1883},
      {"mqtt://[::1]", false, "", "::1", 1883},
      {"mqtts://[fe80::1%eth0]:65535", true, "", "fe80::1%eth0", 65535},
      {"mqtt://some_host-1", false, "", "some_host-1", 1883},
  }));
  CAPTURE(url);
  const auto parsed = parse_mqtt_url(url);
  REQUIRE(parsed);
  REQUIRE(parsed->tls == tls);
  REQUIRE(parsed->user == user);
  REQUIRE(parsed->host == host);
  REQUIRE(parsed->port == port);
}

TEST_CASE("what is not an MQTT URL is refused") {
  const std::string_view url = GENERATE(values<std::string_view>({"",
                                                                  "broker",
                                                                  "http://broker",
                                                                  "mqtt:/broker",
                                                                  "mqtt://",
                                                                  "mqtt://:1883",
                                                                  "mqtt://broker:",
                                                                  "mqtt://broker:0",
                                                                  "mqtt://broker:65536",
                                                                  "mqtt://broker:x",
                                                                  "mqtt://broker:18 83",
                                                                  "mqtt://broker/topic",
                                                                  "mqtt://broker?a=b",
                                                                  "mqtt://::1",
                                                                  "mqtt://[::1",
                                                                  "mqtt://[]",
                                                                  "mqtt://[::1]1883",
                                                                  "mqtt://@broker",
                                                                  "mqtt://a%4@broker",
                                                                  "mqtt://a%zz@broker",
                                                                  "mqtt://a%00@broker",
                                                                  "mqtt://bro ker"}));
  CAPTURE(url);
  const auto parsed = parse_mqtt_url(url);
  REQUIRE(!parsed);
  REQUIRE(parsed.error() == tributary::errc::invalid_argument);
}

TEST_CASE("a password in the URL is refused, and not repeated in the message") {
  const auto parsed = parse_mqtt_url("mqtt://user:s3cret@broker");
  REQUIRE(!parsed);
  REQUIRE(parsed.error().message().find("password") != std::string::npos);
  REQUIRE(parsed.error().message().find("s3cret") == std::string::npos);
}

namespace {

struct Match {
  std::string_view filter;
  std::string_view topic;
  bool matches;
};

}  // namespace

TEST_CASE("a topic matches a filter level by level") {
  const auto [filter, topic, matches] = GENERATE(values<Match>({
      {"a", "a", true},
      {"a", "b", false},
      {"a", "A", false},
      {"a", "a/b", false},
      {"a/b", "a", false},
      {"a/b", "a/b", true},
      {"a/", "a", false},
      {"a/", "a/", true},
      {"/a", "/a", true},
      {"/a", "a", false},
      {"+", "a", true},
      {"+", "a/b", false},
      {"+", "/a", false},
      {"/+", "/a", true},
      {"+/+", "/a", true},
      {"+/", "a/", true},
      {"a/+/c", "a/b/c", true},
      {"a/+/c", "a//c", true},
      {"a/+/c", "a/b/d", false},
      {"a/+", "a", false},
      {"a/+", "a/", true},
      {"tributary/+/receipts", "tributary/gateway-7/receipts", true},
      {"tributary/+/receipts", "tributary/gateway-7/events/telemetry", false},
      {"#", "a", true},
      {"#", "a/b/c", true},
      {"#", "/", true},
      {"a/#", "a", true},
      {"a/#", "a/", true},
      {"a/#", "a/b/c", true},
      {"a/#", "ab", false},
      {"a/+/#", "a", false},
      {"a/+/#", "a/b", true},
      {"#/a", "b/a", false},
      {"#", "$SYS/uptime", false},
      {"+/uptime", "$SYS/uptime", false},
      {"$SYS/#", "$SYS/uptime", true},
      {"a/#", "a/$b", true},
  }));
  CAPTURE(filter, topic);
  REQUIRE(topic_matches(filter, topic) == matches);
}
