#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tributary {

// One MQTT control packet, as far as the tests look at it.
struct MqttPacket {
  enum Type {
    connect = 1,
    connack,
    publish,
    puback,
    pubrec,
    pubrel,
    pubcomp,
    subscribe,
    suback,
    unsubscribe,
    unsuback,
    pingreq,
    pingresp,
    disconnect,
    auth
  };

  Type type = connect;
  std::uint8_t flags = 0;
  std::uint16_t id = 0;                          // 0 where the type has none
  std::size_t end = 0;                           // offset in the stream behind its last byte
  std::chrono::steady_clock::time_point time{};  // when the last byte passed
};

// The whole packets at the beginning of a stream of MQTT (either version; `time` stays unset).
std::vector<MqttPacket> scan_mqtt(std::string_view bytes);

// Stands between clients and a server on 127.0.0.1, and writes down what passes. A thread of its
// own does the work; any thread may call anything.
class TcpProxy {
 public:
  enum class Direction { to_server, to_client };
  using Time = std::chrono::steady_clock::time_point;

  // What to say to a client instead of connecting it to the server.
  struct Answer {
    std::string bytes;
    bool close = true;  // and then close the connection; otherwise keep it, silent
  };
  // Asked with the first bytes of each connection; nothing: on to the server. Runs in the proxy's
  // thread.
  using Answerer = std::function<std::optional<Answer>(std::string_view first_bytes)>;

  explicit TcpProxy(std::uint16_t server_port, Answerer answerer = {});
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "mqtt://127.0.0.1:" + std::to_string(port_); }

  // Resets every connection (RST to both sides), as when a gateway forgets them.
  void cut();
  // Stops forwarding in both directions, and goes on with it. Connections are accepted all the
  // same.
  void stall(bool on);

  // The connections accepted so far, by when they were; they are numbered from 0 in what follows.
  [[nodiscard]] std::vector<Time> accepted() const;
  // All bytes of a connection that passed in a direction.
  [[nodiscard]] std::string bytes(std::size_t connection,
                                  Direction direction = Direction::to_server) const;
  // Its MQTT packets.
  [[nodiscard]] std::vector<MqttPacket> packets(std::size_t connection,
                                                Direction direction = Direction::to_server) const;
  [[nodiscard]] std::size_t count(std::size_t connection, MqttPacket::Type type,
                                  Direction direction = Direction::to_server) const;

 private:
  struct Chunk {
    std::size_t end;  // offset in the stream
    Time time;
  };
  struct Stream {
    std::string bytes;
    std::vector<Chunk> chunks;
    std::size_t forwarded = 0;
  };
  struct Connection {
    int client = -1;
    int server = -1;
    bool decided = false;  // the answerer was asked
    Time accepted;
    Stream to_server;
    Stream to_client;

    [[nodiscard]] bool open() const { return client >= 0; }
  };

  void run(const std::stop_token& stop);
  void accept_one();
  void receive(Connection& connection, int from, Stream& stream);
  void decide(Connection& connection);
  void forward(Connection& connection, int to, Stream& stream);
  static void close(Connection& connection, bool reset);
  void wake() const;
  [[nodiscard]] const Stream& stream(std::size_t connection, Direction direction) const;

  const std::uint16_t server_port_;
  const Answerer answerer_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_ = -1;
  mutable std::mutex mutex_;
  std::deque<Connection> connections_;  // guarded by mutex_, as is stalled_
  bool stalled_ = false;
  std::jthread thread_;
};

}  // namespace tributary
