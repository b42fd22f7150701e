#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/mqtt/client.h"
#include "tests/support/mosquitto.h"
#include "tests/support/tcp_proxy.h"

namespace tributary {

using namespace std::chrono_literals;

// A client with what it has received so far.
class MqttDriver {
 public:
  explicit MqttDriver(MqttOptions options) {
    auto created = MqttClient::create(std::move(options));
    if (!created) FAIL(created.error().message());
    client_ = *std::move(created);
  }

  MqttClient& operator*() const { return *client_; }
  MqttClient* operator->() const { return client_.get(); }

  // One round, acknowledged at once.
  MqttRound round(std::chrono::milliseconds wait = 50ms, std::size_t messages_max = 5000) {
    auto got = client_->poll(wait, messages_max);
    connects += got.connected ? 1 : 0;
    disconnects += got.disconnected ? 1 : 0;
    std::ranges::copy(got.pubacks, std::back_inserter(pubacks));
    std::ranges::copy(got.messages, std::back_inserter(messages));
    if (!holding_) static_cast<void>(client_->acknowledge(got.generation));
    return got;
  }
  // A round with messages that stays unacknowledged; gives its generation. The next call is for
  // acknowledge(), or for a round when the connection is gone.
  std::uint64_t held_round() {
    holding_ = true;
    MqttRound got;
    for (int tries = 0; got.messages.empty() && tries < 200; ++tries) got = round();
    holding_ = false;
    REQUIRE(!got.messages.empty());
    return got.generation;
  }

  // Rounds until the condition holds; false when it doesn't within the limit.
  template <class Condition>
  bool until(Condition condition, std::chrono::milliseconds limit = 10s) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      round();
    }
    return true;
  }
  bool until_subscribed() {
    return until([this] { return client_->state().subscribed; });
  }

  std::vector<MqttMessage> messages;
  std::vector<MqttPuback> pubacks;
  int connects = 0;
  int disconnects = 0;

 private:
  std::unique_ptr<MqttClient> client_;
  bool holding_ = false;
};

inline MqttOptions mqtt_options(const std::string& url, const std::string& id,
                                std::vector<MqttSubscription> subscriptions = {}) {
  MqttOptions options;
  options.url = url;
  options.client_id = id;
  options.keepalive = 5s;
  options.subscriptions = std::move(subscriptions);
  return options;
}

inline MqttOptions persistent(MqttOptions options) {
  options.clean_start = false;
  options.session_expiry = 1h;
  return options;
}

inline MqttPublication publication(std::string topic, std::string payload, int qos = 1) {
  return {.topic = std::move(topic), .payload = std::move(payload), .qos = qos, .properties = {}};
}

// Publishes all payloads, as many at once as the broker allows, and waits for their PUBACKs.
inline void publish_all(MqttDriver& publisher, const std::string& topic,
                        const std::vector<std::string>& payloads) {
  const auto before = publisher.pubacks.size();
  REQUIRE(publisher.until([&] { return publisher->state().connected; }));
  for (const auto& payload : payloads) {
    auto published = publisher->publish(publication(topic, payload));
    while (!published && published.error() == errc::window_full) {
      publisher.round();
      published = publisher->publish(publication(topic, payload));
    }
    REQUIRE(published);
  }
  REQUIRE(
      publisher.until([&] { return publisher.pubacks.size() == before + payloads.size(); }, 60s));
}

inline std::vector<std::string> payloads_of(const std::vector<MqttMessage>& messages) {
  std::vector<std::string> payloads;
  for (const auto& message : messages) payloads.push_back(message.payload);
  return payloads;
}

// Until the condition holds, with hold() in between; false when it doesn't within the limit or the
// connection goes.
template <class Condition>
bool hold_until(MqttClient& client, Condition condition, std::chrono::milliseconds limit = 10s) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (!client.hold() || std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

}  // namespace tributary
