#include "shared/mqtt/options.h"

#include <mosquitto.h>

#include <utility>

#include "shared/mqtt/properties.h"

namespace tributary {
namespace {

using std::chrono::seconds;

// libmosquitto refuses less than 5 s; 0, which turns it off, would leave a dead broker unnoticed.
constexpr seconds kKeepaliveMin{5};
constexpr seconds kKeepaliveMax{65'535};

std::unexpected<Error> bad(const std::string& what) {
  return fail(errc::invalid_argument, "MQTT: " + what);
}

Result<void> check_session(const MqttOptions& options) {
  if (options.client_id.empty() && !options.clean_start) {
    return bad("a session that outlives its connection needs a client id");
  }
  if (mosquitto_validate_utf8(options.client_id.data(),
                              static_cast<int>(options.client_id.size())) != MOSQ_ERR_SUCCESS) {
    return bad("the client id is not UTF-8");
  }
  if (options.keepalive < kKeepaliveMin || options.keepalive > kKeepaliveMax) {
    return bad("the keepalive must be 5 s to 65535 s");
  }
  if (options.session_expiry < seconds(0)) return bad("the session expiry is negative");
  if (options.receive_maximum == 0) return bad("the receive maximum must be at least 1");
  if (options.packet_size_max == 0) return bad("the packet size must be at least 1 byte");
  if (options.reconnect_wait_min <= seconds(0) ||
      options.reconnect_wait_max < options.reconnect_wait_min) {
    return bad(
        "the wait before a reconnect must be over 0, and its maximum no less than its minimum");
  }
  if (options.connect_timeout <= seconds(0)) return bad("the time to connect must be over 0");
  if (!options.password.empty() && options.user.empty()) return bad("a password needs a user");
  return {};
}

Result<void> check_topics(const MqttOptions& options) {
  for (const auto& subscription : options.subscriptions) {
    const auto& topic = subscription.topic;
    if (topic.empty() || mosquitto_sub_topic_check(topic.c_str()) != MOSQ_ERR_SUCCESS) {
      return bad("no topic filter: " + topic);
    }
    if (subscription.qos < 0 || subscription.qos > 1) {
      return bad("the subscription to " + topic +
                 " must have QoS 0 or 1: libmosquitto keeps QoS 2 in memory");
    }
  }
  if (!options.will) return {};
  const auto& will = *options.will;
  if (will.topic.empty() || mosquitto_pub_topic_check(will.topic.c_str()) != MOSQ_ERR_SUCCESS) {
    return bad("no topic for a last will: " + will.topic);
  }
  if (will.qos < 0 || will.qos > 1) return bad("the last will must have QoS 0 or 1");
  if (will.payload.size() > 65'535) return bad("a last will holds at most 65535 bytes");
  if (auto list = to_property_list(will.properties); !list) return std::unexpected(list.error());
  return {};
}

}  // namespace

Result<CheckedMqttOptions> check_options(MqttOptions options) {
  CheckedMqttOptions checked;
  TRIBUTARY_ASSIGN(checked.url, parse_mqtt_url(options.url));
  const auto& url = checked.url;
  if (!url.user.empty() && !options.user.empty() && url.user != options.user) {
    return bad("the URL and mqtt.user name different users");
  }
  if (options.user.empty()) options.user = url.user;
  TRIBUTARY_TRY(check_session(options));
  TRIBUTARY_TRY(check_topics(options));
  const auto& tls = options.tls;
  if (url.tls) {
    TRIBUTARY_ASSIGN(checked.tls, make_tls_context(tls, url.host));
  } else if (!tls.ca_file.empty() || !tls.certificate_file.empty() || !tls.key_file.empty()) {
    return bad("the TLS files need a URL that begins with mqtts://");
  }
  const bool ipv6 = url.host.contains(':');
  checked.name =
      "broker " + (ipv6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
  checked.options = std::move(options);
  return checked;
}

}  // namespace tributary
