#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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
  bool retain_as_published = false;  // MQTT 5: a message published with `retain` arrives with it
};

struct MqttOptions {
  std::string url;  // mqtt://[user@]host[:1883], mqtts://…[:8883]; a password stands in `password`
  std::string user;
  std::string password;
  MqttTls tls;
  std::string client_id;
  bool clean_start = true;
  std::chrono::seconds session_expiry{0};
  std::chrono::seconds keepalive{30};    // at least 5 s
  std::uint16_t receive_maximum = 5000;  // unacknowledged QoS 1 messages the broker may send
  // The largest packet the broker may send; it discards larger ones. MQTT 5 only: on 3.1.1 nothing
  // keeps a broker from sending 256 MiB.
  std::uint32_t packet_size_max = 9U << 20;
  std::optional<MqttPublication> will;
  std::vector<MqttSubscription> subscriptions;  // asked for after every connect
  // What the broker's session may still be subscribed to: ended after every connect.
  std::vector<std::string> given_up;
  std::chrono::milliseconds reconnect_wait_min{100};
  std::chrono::milliseconds reconnect_wait_max{30'000};
  // For one address of the broker, from connect() to the CONNACK; and for looking up its name.
  std::chrono::milliseconds connect_timeout{10'000};
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
  bool connected = false;        // a CONNACK came in this round: what was in flight is forgotten
  bool disconnected = false;     // the connection ended in this round; state().error says why
  std::uint64_t generation = 0;  // of the connection that brought this; counts up with each CONNACK
};

struct MqttState {
  bool connected = false;
  bool session_present = false;
  int protocol = 5;  // 5, or 3 for MQTT 3.1.1
  std::uint64_t generation = 0;
  std::uint64_t receive_maximum = 65'535;  // the broker's: as many QoS 1 messages may be in flight
  std::string error;                       // why it is not connected, in words; empty while it is
  std::string refused_subscription;  // "topic: reason" of a SUBACK that refused; empty: all granted
  bool subscribed = false;           // every subscription was granted on this connection
};

// An MQTT 5 client (3.1.1 when the broker speaks only that) whose owner decides when the broker
// gets its acknowledgements. Wraps libmosquitto, which queues a PUBACK before it hands the message
// over and, with a loop of one's own, writes nothing until it is told to:
//
//     poll() … a batch of messages … make them durable, calling hold() meanwhile … acknowledge()
//
// No PUBACK of a batch is written before acknowledge() with the batch's generation. If the
// connection is lost in between, acknowledge() does nothing and the broker sends the messages
// again.
//
// It connects by itself, at once and then after waits with decorrelated jitter, which grow short
// again only when a connection has lasted for a while. A name is looked up in the background, and
// each of its addresses is tried. Belongs to one thread, except wake(). libmosquitto makes the
// whole process ignore SIGPIPE.
class MqttClient {
 public:
  // errc::invalid_argument for a URL or a combination of options that can't work. Doesn't connect.
  static Result<std::unique_ptr<MqttClient>> create(MqttOptions options);
  virtual ~MqttClient() = default;

  // Connects when that is due, writes what was published, and waits for up to `wait` for the
  // broker. Returns as soon as something came: at most about `messages` messages or `bytes` of
  // them. CHECKs that the last round's QoS 1 messages were acknowledged, or their connection is
  // gone.
  virtual MqttRound poll(std::chrono::milliseconds wait, std::size_t messages = 5000,
                         std::size_t bytes = 8U << 20) = 0;

  // Call it at least once a second between poll() and acknowledge(): keeps the connection alive
  // without letting an acknowledgement out. False once the connection is known to be gone.
  virtual bool hold() = 0;

  // Lets the acknowledgements of the last round out, and everything published since: what the
  // socket takes is written at once, the rest by poll() before it reads again. Nothing happens when
  // `generation` is not that of the present connection. errc::not_connected when the connection
  // fails in this: some may have been written.
  virtual Result<void> acknowledge(std::uint64_t generation) = 0;

  // Queues a publication; it is written by the next poll() or acknowledge(). Its id comes back in
  // MqttRound::pubacks when qos is 1. Publications in flight at a disconnect are forgotten: the
  // caller sends them again. errc::not_connected; errc::window_full when state().receive_maximum
  // QoS 1 publications wait for their PUBACK; errc::too_large when the broker's Maximum Packet Size
  // forbids it; errc::invalid_argument for what MQTT can't carry.
  virtual Result<int> publish(const MqttPublication& publication) = 0;

  // Gives up the subscriptions, for good. What the broker has queued for us by then still comes: an
  // owner who won't be back soon goes on with poll() and acknowledge() until a round stays empty,
  // else those messages wait for us, and are lost when the session expires.
  virtual void unsubscribe() = 0;

  // Ends poll()'s wait; the next one's, when none is waiting. Any thread.
  virtual void wake() = 0;

  // Writes what waits, sends DISCONNECT (which cancels the will) and closes; takes two seconds at
  // most. No reconnect after it. With a round that was not acknowledged, only the DISCONNECT is
  // written: the broker keeps that round's messages. unsubscribe: gives up the subscriptions first.
  virtual void disconnect(bool unsubscribe = false) = 0;

  [[nodiscard]] virtual const MqttState& state() const = 0;
};

// MqttClient::create, or what a test puts in its place.
using MqttClientFactory = std::function<Result<std::unique_ptr<MqttClient>>(MqttOptions)>;

}  // namespace tributary
