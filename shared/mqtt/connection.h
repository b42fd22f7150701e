#pragma once

// For the files of shared/mqtt only.

#include <mosquitto.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/mqtt/client.h"
#include "shared/mqtt/tls.h"

namespace tributary {

// Where and how to connect this time.
struct MqttTarget {
  std::string name;     // for messages: "broker host:port"
  std::string address;  // numeric
  std::uint16_t port = 0;
  int protocol = 5;
  SSL_CTX* tls = nullptr;  // null: no TLS
};

struct MqttConnack {
  std::uint8_t reason = 0;  // MQTT 5's, or 3.1.1's below 0x80
  bool session_present = false;
  std::uint16_t receive_maximum = 65'535;
  std::uint32_t packet_size_max = 0;  // 0: no limit
  std::optional<std::chrono::seconds> keepalive;
};

struct MqttSuback {
  int id = 0;
  int reason = 0;  // the QoS granted, or 0x80 and up
};

// What the broker sent, in order of arrival within each kind.
struct MqttInbox {
  std::vector<MqttMessage> messages;
  std::size_t message_bytes = 0;  // what the messages take up: payload, topic, properties
  std::vector<MqttPuback> pubacks;
  std::vector<MqttSuback> subacks;
  std::optional<MqttConnack> connack;
  std::size_t packets = 0;  // all of the above, counted
};

// One connection, from connect() to its end, over one instance of libmosquitto: what that library
// would carry over to the next connection (queued acknowledgements, publications to repeat) ends
// with it. It never waits; its owner polls socket() for events(). Every failure is final.
//
// How libmosquitto 2.0 is kept from writing by itself: told that a thread of ours runs its loop, it
// only queues packets, and writes the whole queue when write() asks for it. And from reading more
// than one packet at a time: as if the socket were empty, errno is EAGAIN when a callback returns.
class MqttConnection {
 public:
  // Begins to connect. `options` has been checked.
  static Result<std::unique_ptr<MqttConnection>> open(const MqttOptions& options,
                                                      MqttTarget target);
  ~MqttConnection();
  MqttConnection(const MqttConnection&) = delete;
  MqttConnection& operator=(const MqttConnection&) = delete;

  [[nodiscard]] int socket() const { return mosquitto_socket(mosquitto_.get()); }
  // What to ::poll the socket for.
  [[nodiscard]] short events() const;
  // TLS has decrypted bytes that a ::poll of the socket doesn't see.
  [[nodiscard]] bool has_buffered_input() const;

  // Goes on with the TCP connect and the TLS handshake, with what ::poll said about the socket.
  // True once MQTT can be written and read.
  Result<bool> establish(short ready);
  [[nodiscard]] bool established() const { return stage_ == Stage::ready; }

  // Writes what is queued, acknowledgements included, as far as the socket takes it.
  Result<void> write();
  // Whether some of it is left. Reading is forbidden then: it would queue acknowledgements behind a
  // packet that has to be written.
  [[nodiscard]] bool writing() const;

  // Reads until the socket has no more, or the inbox has that many messages or bytes of them.
  // Queues an acknowledgement for each QoS 1 message. On a failure the inbox has what came before.
  // A packet over MqttOptions::packet_size_max is a failure, before any of it is read.
  Result<void> read(MqttInbox& inbox, std::size_t messages, std::size_t bytes);

  // Writes these bytes, a whole packet that lives for ever, past the queue. For the time between
  // read() and write(), when the queue must stay; no packet is half-written then.
  Result<void> write_past_queue(std::string_view packet);

  // Queue a packet; give its id. errc::invalid_argument, errc::too_large, errc::unsupported.
  Result<int> publish(const MqttPublication& publication);
  Result<int> subscribe(const MqttSubscription& subscription);
  void unsubscribe(const std::string& topic);

 private:
  enum class Stage : std::uint8_t { tcp, tls, ready };
  struct Deleter {
    void operator()(mosquitto* instance) const { mosquitto_destroy(instance); }
  };

  MqttConnection(const MqttOptions& options, MqttTarget target, mosquitto* instance);
  Result<void> configure(const MqttOptions& options);
  Result<void> set_will(const MqttPublication& will);
  Result<void> connect(const MqttOptions& options);
  Result<bool> finish_tcp();
  Result<bool> shake_hands(short ready);
  Result<void> flush_past_queue();
  Result<bool> read_packet();
  Result<bool> look_ahead();
  std::ptrdiff_t peek(std::span<char> into);
  void skip(std::size_t bytes) const;
  bool await_header(std::string_view start);
  void set_wake_at(int bytes);
  void packet_done();
  [[nodiscard]] std::unexpected<Error> failed(const std::string& why) const;
  [[nodiscard]] std::unexpected<Error> failed(int code) const;
  [[nodiscard]] SSL* ssl() const { return static_cast<SSL*>(mosquitto_ssl_get(mosquitto_.get())); }

  static void on_connect(mosquitto*, void* self, int reason, int flags,
                         const mosquitto_property* list);
  static void on_disconnect(mosquitto*, void* self, int reason, const mosquitto_property* list);
  static void on_publish(mosquitto*, void* self, int id, int reason,
                         const mosquitto_property* list);
  static void on_unsubscribe(mosquitto*, void* self, int id, const mosquitto_property* list);
  static void on_subscribe(mosquitto*, void* self, int id, int count, const int* granted,
                           const mosquitto_property* list);
  static void on_message(mosquitto*, void* self, const mosquitto_message* message,
                         const mosquitto_property* list);
  static void on_log(mosquitto*, void* self, int level, const char* text);

  const MqttTarget target_;
  const std::size_t packet_size_max_;
  Stage stage_ = Stage::tcp;
  int connect_errno_ = 0;        // of connect(), should the socket have no error of its own later
  std::string_view past_queue_;  // what is left of a packet of write_past_queue()
  MqttInbox* inbox_ = nullptr;   // while read() runs
  std::size_t looked_at_ = 0;    // packets that may be read, the first of them perhaps in part
  int wake_at_ = 1;              // SO_RCVLOWAT
  std::string header_;           // over TLS: the start of one, as libmosquitto has read it
  std::uint8_t disconnect_reason_ = 0;  // of the broker's DISCONNECT
  std::string tls_error_;               // the last one, of the handshake or the first read
  std::unique_ptr<mosquitto, Deleter> mosquitto_;
};

}  // namespace tributary
