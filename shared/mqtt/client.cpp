#include "shared/mqtt/client.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "shared/base/check.h"
#include "shared/mqtt/connector.h"
#include "shared/mqtt/options.h"
#include "shared/mqtt/properties.h"

namespace tributary {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace std::string_view_literals;

constexpr auto kPingReq = "\xC0\x00"sv;     // MQTT 5, 3.12
constexpr auto kDisconnect = "\xE0\x00"sv;  // MQTT 5, 3.14: normal, without properties
// How long disconnect() waits for the broker to take what is left, and to close.
constexpr milliseconds kGoodbye{1000};

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : value(descriptor) {}
  ~Descriptor() { ::close(value); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  const int value;
};

int until(steady_clock::time_point when) {
  const auto left = std::chrono::ceil<milliseconds>(when - steady_clock::now()).count();
  return static_cast<int>(std::clamp<milliseconds::rep>(left, 0, 60'000));
}

class MosquittoClient final : public MqttClient {
 public:
  MosquittoClient(CheckedMqttOptions options, int wake_fd)
      : options_(std::move(options)), connector_(options_), wake_{wake_fd} {
    state_.error = connector_.error();
  }

  MqttRound poll(milliseconds wait, std::size_t messages, std::size_t bytes) override;
  bool hold() override;
  Result<void> acknowledge(std::uint64_t generation) override;
  Result<int> publish(const MqttPublication& publication) override;
  void wake() override { ::eventfd_write(wake_.value, 1); }
  void unsubscribe() override;
  void disconnect(bool unsubscribe) override;
  [[nodiscard]] const MqttState& state() const override { return state_; }

 private:
  using Time = steady_clock::time_point;
  struct Ready {
    short socket = 0;  // ::poll's events of the connection, or of the connector
    bool woken = false;
  };

  Ready wait_for(int time_ms);
  void step(short ready, std::size_t messages, std::size_t bytes, MqttRound& round);
  void serve(short ready, std::size_t messages, std::size_t bytes, MqttRound& round);
  void begin(MqttConnected connected, MqttRound& round);
  void subscribe();
  void granted(const MqttSuback& suback);
  void take_in(MqttRound& round);
  // False while something waits for the socket; the connection may be gone then.
  bool write_all();
  Result<void> keep_alive();
  void lose(const Error& error);
  void finish_writing();
  void await_close();
  [[nodiscard]] Time due() const;

  const CheckedMqttOptions options_;
  MqttConnector connector_;
  Descriptor wake_;
  bool closed_ = false;        // for good, by disconnect()
  bool unsubscribed_ = false;  // for good, by unsubscribe()

  std::unique_ptr<MqttConnection> connection_;  // null while not connected
  MqttInbox inbox_;
  MqttState state_;
  bool held_ = false;                // acknowledgements are queued that must not be written
  bool lost_ = false;                // the connection ended; no round has said so yet
  std::size_t in_flight_ = 0;        // our QoS 1 publications without their PUBACK
  std::size_t packet_size_max_ = 0;  // the broker's; 0: none
  std::vector<std::pair<int, std::string>> asked_;  // SUBSCRIBEs by packet id, not yet answered
  Time asked_since_{};  // or since the last message, which may stand before the answer

  std::chrono::seconds keepalive_{0};
  Time connected_since_{};
  Time last_write_{};
  std::optional<Time> pinged_;   // the first ping since something came in
  std::optional<Time> blocked_;  // since when the socket takes nothing
};

MqttRound MosquittoClient::poll(milliseconds wait, std::size_t messages, std::size_t bytes) {
  CHECK(!held_);
  const Time deadline = steady_clock::now() + std::max(wait, milliseconds(0));
  MqttRound round;
  for (int timeout = 0;; timeout = until(std::min(deadline, due()))) {
    const Ready ready = wait_for(timeout);
    if (!closed_) step(ready.socket, messages, bytes, round);
    if (lost_) round.disconnected = std::exchange(lost_, false);
    const bool something =
        !round.messages.empty() || !round.pubacks.empty() || round.connected || round.disconnected;
    if (something || ready.woken || steady_clock::now() >= deadline) break;
  }
  round.generation = state_.generation;
  return round;
}

MosquittoClient::Ready MosquittoClient::wait_for(int time_ms) {
  const int socket = closed_ ? -1 : connection_ ? connection_->socket() : connector_.fd();
  const short events = closed_       ? short{0}
                       : connection_ ? connection_->events()
                                     : connector_.events();
  const bool buffered = connection_ && connection_->has_buffered_input();
  std::array<pollfd, 2> fds{{{wake_.value, POLLIN, 0}, {socket, events, 0}}};
  Ready ready;
  if (::poll(fds.data(), fds.size(), buffered ? 0 : time_ms) > 0) {
    ready.socket = fds[1].revents;
    eventfd_t count = 0;
    ready.woken = fds[0].revents != 0 && ::eventfd_read(wake_.value, &count) == 0;
  }
  if (buffered && (events & POLLIN) != 0) ready.socket = static_cast<short>(ready.socket | POLLIN);
  return ready;
}

MosquittoClient::Time MosquittoClient::due() const {
  if (closed_) return Time::max();
  if (!connection_) return connector_.due();
  Time due = last_write_ + keepalive_ / 2;
  if (pinged_) due = std::min(due, *pinged_ + keepalive_);
  if (!asked_.empty()) due = std::min(due, asked_since_ + options_.options.connect_timeout);
  if (blocked_) due = *blocked_ + keepalive_;
  return due;
}

void MosquittoClient::step(short ready, std::size_t messages, std::size_t bytes, MqttRound& round) {
  if (connection_) {
    serve(ready, messages, bytes, round);
    return;
  }
  auto connected = connector_.advance(ready, steady_clock::now());
  state_.error = connector_.error();
  if (connected) begin(*std::move(connected), round);
}

void MosquittoClient::begin(MqttConnected connected, MqttRound& round) {
  connection_ = std::move(connected.connection);
  inbox_ = std::move(connected.inbox);
  const MqttConnack& connack = connected.connack;
  keepalive_ = connack.keepalive.value_or(options_.options.keepalive);
  // A broker that turns the keepalive off still gets pings: we want to know that it is there.
  if (keepalive_ == std::chrono::seconds(0)) keepalive_ = options_.options.keepalive;
  packet_size_max_ = connack.packet_size_max;
  in_flight_ = 0;
  connected_since_ = last_write_ = steady_clock::now();
  pinged_.reset();
  blocked_.reset();
  state_ = {.connected = true,
            .session_present = connack.session_present,
            .protocol = connected.protocol,
            .generation = state_.generation + 1,
            .receive_maximum = connack.receive_maximum,
            .error = {},
            .refused_subscription = {},
            .subscribed = options_.options.subscriptions.empty()};
  round.connected = true;
  take_in(round);
  if (!connected.result) {
    lose(connected.result.error());
    return;
  }
  subscribe();
  if (!held_) write_all();
}

void MosquittoClient::subscribe() {
  asked_.clear();
  asked_since_ = steady_clock::now();
  if (unsubscribed_) return;
  for (const auto& topic : options_.options.given_up) connection_->unsubscribe(topic);
  for (const auto& subscription : options_.options.subscriptions) {
    if (const auto id = connection_->subscribe(subscription)) {
      asked_.emplace_back(*id, subscription.topic);
    } else {
      state_.refused_subscription = id.error().message();
    }
  }
}

void MosquittoClient::granted(const MqttSuback& suback) {
  const auto asked = std::ranges::find(asked_, suback.id, &decltype(asked_)::value_type::first);
  if (asked == asked_.end()) return;
  if (suback.reason >= 0x80) {
    state_.refused_subscription = asked->second + ": " + mosquitto_reason_string(suback.reason);
  }
  asked_.erase(asked);
  state_.subscribed = asked_.empty() && state_.refused_subscription.empty();
}

void MosquittoClient::serve(short ready, std::size_t messages, std::size_t bytes,
                            MqttRound& round) {
  if (!write_all()) return;
  Result<void> result;
  if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0) {
    result = connection_->read(inbox_, messages, bytes);
    pinged_.reset();
    take_in(round);
  }
  if (result && !held_) result = keep_alive();
  if (result && !asked_.empty() &&
      steady_clock::now() - asked_since_ >= options_.options.connect_timeout) {
    result = fail(errc::not_connected,
                  options_.name + ": it doesn't answer the subscription to " + asked_[0].second);
  }
  if (!result) lose(result.error());
}

void MosquittoClient::take_in(MqttRound& round) {
  for (const auto& suback : inbox_.subacks) granted(suback);
  held_ = held_ ||
          std::ranges::any_of(inbox_.messages, [](const auto& message) { return message.qos > 0; });
  if (!inbox_.messages.empty()) asked_since_ = steady_clock::now();
  round.messages = std::move(inbox_.messages);
  round.pubacks = std::move(inbox_.pubacks);
  in_flight_ -= std::min(in_flight_, round.pubacks.size());
  inbox_ = {};
  inbox_.messages.reserve(round.messages.size());
}

bool MosquittoClient::write_all() {
  const auto now = steady_clock::now();
  const bool something = connection_->writing();
  if (auto written = connection_->write(); !written) {
    lose(written.error());
    return false;
  }
  if (something) last_write_ = now;
  if (!connection_->writing()) {
    blocked_.reset();
    return true;
  }
  if (!blocked_) blocked_ = now;
  if (now - *blocked_ >= keepalive_) {
    lose(Error(errc::not_connected, options_.name + ": it takes no data any more"));
  }
  return false;
}

Result<void> MosquittoClient::keep_alive() {
  const auto now = steady_clock::now();
  if (pinged_ && now - *pinged_ >= keepalive_) {
    return fail(errc::not_connected, options_.name + ": it doesn't answer pings any more");
  }
  if (now - last_write_ < keepalive_ / 2) return {};
  last_write_ = now;
  if (!pinged_) pinged_ = now;
  return connection_->write_past_queue(kPingReq);
}

void MosquittoClient::lose(const Error& error) {
  const auto now = steady_clock::now();
  connector_.lost(error.message(), now - connected_since_, now);
  connection_.reset();
  inbox_ = {};
  held_ = false;
  lost_ = true;
  state_.connected = false;
  state_.subscribed = false;
  state_.error = connector_.error();
}

bool MosquittoClient::hold() {
  if (!connection_) return false;
  pollfd fd{connection_->socket(), POLLRDHUP, 0};
  if (::poll(&fd, 1, 0) > 0) {
    lose(Error(errc::not_connected,
               options_.name + ": it closed the connection before its messages were durable"));
    return false;
  }
  // Without acknowledgements in the queue there may be a half-written packet: first its rest.
  if (!held_ && !write_all()) return connection_ != nullptr;
  // Pings are answered behind the messages that nobody reads now: no answer means nothing yet.
  if (pinged_) pinged_ = steady_clock::now();
  if (auto alive = keep_alive(); !alive) {
    lose(alive.error());
    return false;
  }
  return true;
}

Result<void> MosquittoClient::acknowledge(std::uint64_t generation) {
  if (!connection_ || generation != state_.generation) return {};
  held_ = false;
  asked_since_ = steady_clock::now();
  write_all();
  if (!connection_) return fail(errc::not_connected, state_.error);
  return {};
}

Result<int> MosquittoClient::publish(const MqttPublication& publication) {
  if (!connection_) return fail(errc::not_connected, state_.error);
  if (publication.qos < 0 || publication.qos > 1) {
    return fail(errc::invalid_argument, publication.topic + ": QoS must be 0 or 1");
  }
  if (publication.qos == 1 && in_flight_ >= state_.receive_maximum) {
    return fail(errc::window_full,
                publication.topic + ": as many publications are in flight as the broker allows");
  }
  if (packet_size_max_ != 0 && wire_size(publication, state_.protocol) > packet_size_max_) {
    return fail(errc::too_large, publication.topic +
                                     ": larger than the broker's Maximum Packet Size of " +
                                     std::to_string(packet_size_max_) + " bytes");
  }
  TRIBUTARY_ASSIGN(const int id, connection_->publish(publication));
  if (publication.qos == 1) ++in_flight_;
  return id;
}

void MosquittoClient::unsubscribe() {
  unsubscribed_ = true;
  state_.subscribed = false;
  if (!connection_) return;
  for (const auto& subscription : options_.options.subscriptions) {
    connection_->unsubscribe(subscription.topic);
  }
}

void MosquittoClient::disconnect(bool unsubscribe) {
  if (unsubscribe && !held_) this->unsubscribe();
  if (connection_ && !held_) finish_writing();
  // Past the queue, which would write the acknowledgements that are held; not into the middle of a
  // packet that the broker didn't take in time.
  if (connection_ && (held_ || !connection_->writing()) &&
      connection_->write_past_queue(kDisconnect)) {
    await_close();
  }
  connection_.reset();
  held_ = false;
  closed_ = true;
  state_.connected = false;
  state_.subscribed = false;
  state_.error = options_.name + ": disconnected";
}

void MosquittoClient::finish_writing() {
  const Time deadline = steady_clock::now() + kGoodbye;
  while (!write_all() && connection_ && steady_clock::now() < deadline) {
    pollfd fd{connection_->socket(), POLLOUT, 0};
    ::poll(&fd, 1, until(deadline));
  }
}

// Closing while something is unread makes the kernel reset the connection, and the broker might
// then not see our last packets.
void MosquittoClient::await_close() {
  const Time deadline = steady_clock::now() + kGoodbye;
  std::array<char, 4096> unread{};
  while (steady_clock::now() < deadline) {
    pollfd fd{connection_->socket(), POLLIN, 0};
    if (::poll(&fd, 1, until(deadline)) <= 0) return;
    const auto got = ::recv(fd.fd, unread.data(), unread.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return;
  }
}

}  // namespace

Result<std::unique_ptr<MqttClient>> MqttClient::create(MqttOptions options) {
  TRIBUTARY_ASSIGN(auto checked, check_options(std::move(options)));
  const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) return fail_errno("MQTT: eventfd");
  return std::make_unique<MosquittoClient>(std::move(checked), wake);
}

}  // namespace tributary
