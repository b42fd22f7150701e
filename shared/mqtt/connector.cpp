#include "shared/mqtt/connector.h"

#include <mqtt_protocol.h>
#include <poll.h>

#include <utility>

namespace tributary {
namespace {

// A connection that ended sooner counts as a failure to connect: a broker that accepts and throws
// us out must not be asked ten times a second.
constexpr std::chrono::seconds kLasted{10};

std::string words(const MqttConnack& connack, int protocol) {
  const int reason = connack.reason;
  if (reason == MQTT_RC_BAD_USERNAME_OR_PASSWORD || reason == MQTT_RC_NOT_AUTHORIZED ||
      reason == CONNACK_REFUSED_BAD_USERNAME_PASSWORD || reason == CONNACK_REFUSED_NOT_AUTHORIZED) {
    return "not authorised: check mqtt.user and its password";
  }
  return protocol == 5 ? std::string("refused: ") + mosquitto_reason_string(reason)
                       : mosquitto_connack_string(reason);
}

bool is_other_version(const MqttConnack& connack) {
  return connack.reason == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION ||
         connack.reason == CONNACK_REFUSED_PROTOCOL_VERSION;
}

}  // namespace

MqttConnector::MqttConnector(const CheckedMqttOptions& options)
    : options_(options),
      backoff_(options.options.reconnect_wait_min, options.options.reconnect_wait_max) {}

int MqttConnector::fd() const {
  switch (stage_) {
    case Stage::waiting:
      return -1;
    case Stage::resolving:
      return resolver_.fd();
    case Stage::connecting:
      break;
  }
  return connection_->socket();
}

short MqttConnector::events() const {
  return stage_ == Stage::connecting ? connection_->events() : short{POLLIN};
}

MqttConnector::Time MqttConnector::due() const {
  return stage_ == Stage::waiting ? next_try_ : deadline_;
}

std::optional<MqttConnected> MqttConnector::advance(short ready, Time now) {
  if (stage_ == Stage::waiting) {
    if (now >= next_try_) begin(now);
    return std::nullopt;
  }
  if (stage_ == Stage::resolving) {
    take_addresses(now);
    return std::nullopt;
  }
  return go_on_connecting(ready, now);
}

void MqttConnector::begin(Time now) {
  if (!addresses_.empty()) {
    open_next(now);
    return;
  }
  deadline_ = now + options_.options.connect_timeout;
  stage_ = Stage::resolving;
  resolver_.start(options_.url.host);
}

void MqttConnector::take_addresses(Time now) {
  if (auto answer = resolver_.take()) {
    if (!*answer) {
      give_up(options_.name + ": " + answer->error().message(), now);
      return;
    }
    addresses_.assign((*answer)->begin(), (*answer)->end());
    open_next(now);
  } else if (now >= deadline_) {
    give_up(options_.name + ": its name could not be looked up in time", now);
  }
}

void MqttConnector::open_next(Time now) {
  inbox_ = {};
  deadline_ = now + options_.options.connect_timeout;
  auto opened = MqttConnection::open(options_.options, {.name = options_.name,
                                                        .address = addresses_.front(),
                                                        .port = options_.url.port,
                                                        .protocol = protocol_,
                                                        .tls = options_.tls.get()});
  if (!opened) {
    give_up(opened.error().message(), now);
    return;
  }
  connection_ = *std::move(opened);
  stage_ = Stage::connecting;
}

std::optional<MqttConnected> MqttConnector::go_on_connecting(short ready, Time now) {
  const auto established = connection_->establish(ready);
  Result<void> result;
  if (!established) {
    result = std::unexpected(established.error());
  } else if (*established) {
    result = connection_->write();
    if (result && !connection_->writing()) {
      result = connection_->read(inbox_, 1, 1);
    }
  }
  if (const auto connack = inbox_.connack) return answered(*connack, std::move(result), now);
  if (!result) {
    give_up(result.error().message(), now);
  } else if (now >= deadline_) {
    give_up(options_.name + (*established
                                 ? ": it accepts connections, but doesn't answer as an MQTT broker"
                                 : ": no answer in time"),
            now);
  }
  return std::nullopt;
}

std::optional<MqttConnected> MqttConnector::answered(const MqttConnack& connack,
                                                     Result<void> result, Time now) {
  if (connack.reason != 0) {
    refused(connack, now);
    return std::nullopt;
  }
  error_.clear();
  stage_ = Stage::waiting;
  return MqttConnected{std::move(connection_), connack, std::exchange(inbox_, {}),
                       std::move(result), protocol_};
}

void MqttConnector::refused(const MqttConnack& connack, Time now) {
  if (protocol_ == 5 && is_other_version(connack)) {
    protocol_ = 3;
    open_next(now);
    return;
  }
  addresses_.resize(1);  // the broker answered: its other addresses would say the same
  give_up(options_.name + ": " + words(connack, protocol_), now);
}

void MqttConnector::give_up(std::string why, Time now) {
  error_ = std::move(why);
  connection_.reset();
  protocol_ = 5;
  stage_ = Stage::waiting;
  if (!addresses_.empty()) addresses_.pop_front();
  if (addresses_.empty()) {
    wait(now);
  } else {
    next_try_ = now;
  }
}

void MqttConnector::lost(std::string why, std::chrono::steady_clock::duration lasted, Time now) {
  error_ = std::move(why);
  if (lasted >= kLasted) backoff_.reset();
  addresses_.clear();
  protocol_ = 5;
  wait(now);
}

void MqttConnector::wait(Time now) { next_try_ = now + backoff_.next(); }

}  // namespace tributary
