#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/result.h"

namespace tributary {

struct MqttTls {
  std::string ca_file;           // empty: the system's
  std::string certificate_file;  // for mutual TLS, with key_file
  std::string key_file;
};

struct MqttProperties {
  std::string response_topic;
  Bytes correlation_data;
  std::vector<std::pair<std::string, std::string>> user_properties;
  std::optional<std::chrono::seconds> message_expiry;

  // The first user property of that name; nothing when there is none.
  [[nodiscard]] std::optional<std::string_view> user_property(std::string_view name) const;
};

// What is to be published.
struct MqttPublication {
  std::string topic;
  std::string payload;
  int qos = 1;
  bool retain = false;
  MqttProperties properties;  // dropped on a 3.1.1 connection
};

// What came in.
struct MqttMessage {
  std::string topic;
  std::string payload;
  int qos = 0;
  bool retain = false;
  MqttProperties properties;
};

struct MqttSubscription {
  std::string topic;
  int qos = 1;
};

struct MqttOptions {
  std::string url;  // mqtt://[user@]host[:1883], mqtts://…[:8883]; a password stands in `password`
  std::string user;
  std::string password;
  MqttTls tls;
  std::string client_id;
  bool clean_start = true;
  std::chrono::seconds session_expiry{0};
  std::chrono::seconds keepalive{30};
  std::uint16_t receive_maximum = 5000;
  std::optional<MqttPublication> will;
  std::vector<MqttSubscription> subscriptions;  // asked for after every connect
  std::chrono::milliseconds reconnect_wait_min{100};
  std::chrono::milliseconds reconnect_wait_max{30'000};
  std::chrono::milliseconds connect_timeout{10'000};  // for the CONNACK, counted from the first try
};

// A publication of ours that the broker answered. `reason` is MQTT 5's: 0x00 done, 0x10 nobody
// subscribed, 0x80 and up refused.
struct MqttPuback {
  int id = 0;
  std::uint8_t reason = 0;
};

// What one round brought.
struct MqttRound {
  std::vector<MqttMessage> messages;  // QoS 1 ones are acknowledged by acknowledge() only
  std::vector<MqttPuback> pubacks;
  bool connected = false;     // a CONNACK came in this round: what was in flight is forgotten
  bool disconnected = false;  // the connection ended in this round; state().error says why
  std::uint64_t generation = 0;  // of the connection that brought this; counts up with each CONNACK
};

struct MqttState {
  bool connected = false;
  bool session_present = false;
  int protocol = 5;            // 5, or 3 for MQTT 3.1.1
  std::uint64_t generation = 0;
  std::uint64_t receive_maximum = 65'535;  // the broker's: as many QoS 1 messages may be in flight
  std::string error;           // why it is not connected, in words; empty while it is
  std::string refused_subscription;  // "topic: reason" of a SUBACK that refused; empty: all granted
  bool subscribed = false;     // every subscription was granted on this connection
};

// An MQTT 5 client (3.1.1 when the broker speaks only that) whose owner decides when the broker gets
// its acknowledgements. Wraps libmosquitto, which queues a PUBACK before it hands the message over
// and, with a loop of one's own, writes nothing until it is told to:
//
//     poll() … a batch of messages … make them durable, calling hold() meanwhile … acknowledge()
//
// No PUBACK of a batch is written before acknowledge() with the batch's generation. If the
// connection is lost in between, acknowledge() does nothing and the broker sends the messages again.
//
// It connects by itself, at once and then after waits with decorrelated jitter, which grow short
// again only when a connection has lasted for a while. Belongs to one thread, except wake().
class MqttClient {
 public:
  // errc::invalid_argument for a URL or a combination of options that can't work. Doesn't connect.
  static Result<std::unique_ptr<MqttClient>> create(MqttOptions options);
  ~MqttClient();
  MqttClient(const MqttClient&) = delete;
  MqttClient& operator=(const MqttClient&) = delete;

  // Connects when that is due, writes what was published, and waits for up to `wait` for the broker.
  // Returns as soon as something came: at most about `messages` messages or `bytes` of payload.
  // CHECKs that the last round's QoS 1 messages were acknowledged, or their connection is gone.
  MqttRound poll(std::chrono::milliseconds wait, std::size_t messages = 5000,
                 std::size_t bytes = 8U << 20);

  // Call it at least once a second between poll() and acknowledge(): keeps the connection alive
  // without letting an acknowledgement out. False once the connection is known to be gone.
  bool hold();

  // Writes the acknowledgements of the last round, and everything published since. Nothing happens
  // when `generation` is not that of the present connection. errc::not_connected when the
  // connection fails in this: some may have been written.
  Result<void> acknowledge(std::uint64_t generation);

  // Queues a publication; it is written by the next poll() or acknowledge(). Its id comes back in
  // MqttRound::pubacks when qos is 1. Publications in flight at a disconnect are forgotten: the
  // caller sends them again. errc::not_connected; errc::too_large when the broker's Maximum Packet
  // Size forbids it.
  Result<int> publish(MqttPublication publication);

  // Ends poll()'s wait. Any thread.
  void wake();

  // Writes what waits, sends DISCONNECT (which cancels the will) and closes. No reconnect after it.
  // unsubscribe: give up the subscriptions first.
  void disconnect(bool unsubscribe = false);

  [[nodiscard]] const MqttState& state() const;

 private:
  class Impl;
  explicit MqttClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary
