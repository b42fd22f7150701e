#pragma once

// For the files of shared/mqtt only.

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "shared/base/backoff.h"
#include "shared/mqtt/connection.h"
#include "shared/mqtt/options.h"
#include "shared/mqtt/resolver.h"

namespace tributary {

// A connection whose CONNACK accepted us, with what came in the same read.
struct MqttConnected {
  std::unique_ptr<MqttConnection> connection;
  MqttConnack connack;
  MqttInbox inbox;
  Result<void> result;  // the connection may have ended in that read, too
  int protocol = 5;
};

// Makes connections: when one is due, to which of the host's addresses, with which version of the
// protocol; and says why there is none. Never waits; its owner polls fd() for events(), and calls
// advance() then or when due() has come.
class MqttConnector {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit MqttConnector(const CheckedMqttOptions& options);

  // Goes on, with what ::poll said about fd().
  std::optional<MqttConnected> advance(short ready, Time now);
  [[nodiscard]] int fd() const;
  [[nodiscard]] short events() const;
  [[nodiscard]] Time due() const;

  // Why there is no connection: "broker 127.0.0.1:1883: connection refused".
  [[nodiscard]] const std::string& error() const { return error_; }

  // The connection that advance() gave has ended after `lasted`, and why: another one, after a
  // wait.
  void lost(std::string why, std::chrono::steady_clock::duration lasted, Time now);

 private:
  enum class Stage : std::uint8_t { waiting, resolving, connecting };

  void begin(Time now);
  void open_next(Time now);
  void take_addresses(Time now);
  std::optional<MqttConnected> go_on_connecting(short ready, Time now);
  std::optional<MqttConnected> answered(const MqttConnack& connack, Result<void> result, Time now);
  void refused(const MqttConnack& connack, Time now);
  void give_up(std::string why, Time now);
  void wait(Time now);

  const CheckedMqttOptions& options_;
  Stage stage_ = Stage::waiting;
  Time next_try_{};
  Time deadline_{};  // for this try
  Backoff backoff_;
  Resolver resolver_;
  std::deque<std::string> addresses_;  // the one in use first
  int protocol_ = 5;
  std::unique_ptr<MqttConnection> connection_;
  MqttInbox inbox_;
  std::string error_ = "not connected yet";
};

}  // namespace tributary
