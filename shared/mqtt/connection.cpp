#include "shared/mqtt/connection.h"

#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <utility>

#include "shared/mqtt/packet_front.h"
#include "shared/mqtt/properties.h"

namespace tributary {
namespace {

// "connection refused": the system's words, for the middle of a sentence.
std::string system_words(int error) {
  auto words = std::generic_category().message(error);
  if (!words.empty())
    words[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(words[0])));
  return words;
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

// What libmosquitto said when a packet was to be queued.
Result<int> queued(int code, int id, const std::string& topic) {
  const auto refused = [&](errc why) { return fail(why, topic + ": " + mosquitto_strerror(code)); };
  switch (code) {
    case MOSQ_ERR_SUCCESS:
      return id;
    case MOSQ_ERR_NO_CONN:
    case MOSQ_ERR_CONN_LOST:
      return refused(errc::not_connected);
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_OVERSIZE_PACKET:
      return refused(errc::too_large);
    case MOSQ_ERR_QOS_NOT_SUPPORTED:
      return refused(errc::unsupported);
    case MOSQ_ERR_NOMEM:
      return refused(errc::unavailable);
    default:
      return refused(errc::invalid_argument);
  }
}

// Collects small packets into full segments while it lives, and sends them at its end.
class Cork {
 public:
  explicit Cork(int socket) : socket_(socket) { set(1); }
  ~Cork() { set(0); }
  Cork(const Cork&) = delete;
  Cork& operator=(const Cork&) = delete;

 private:
  void set(int on) const { ::setsockopt(socket_, IPPROTO_TCP, TCP_CORK, &on, sizeof on); }
  int socket_;
};

// While it lives, TLS gives what it has decrypted, and reads no more.
class NoInput {
 public:
  explicit NoInput(SSL* ssl) : ssl_(ssl), input_(SSL_get_rbio(ssl)) {
    BIO_up_ref(input_);
    BIO* const empty = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(empty, -1);
    SSL_set0_rbio(ssl_, empty);
  }
  ~NoInput() { SSL_set0_rbio(ssl_, input_); }
  NoInput(const NoInput&) = delete;
  NoInput& operator=(const NoInput&) = delete;

 private:
  SSL* ssl_;
  BIO* input_;
};

}  // namespace

MqttConnection::MqttConnection(const MqttOptions& options, MqttTarget target, mosquitto* instance)
    : target_(std::move(target)), packet_size_max_(options.packet_size_max), mosquitto_(instance) {}

MqttConnection::~MqttConnection() = default;

Result<std::unique_ptr<MqttConnection>> MqttConnection::open(const MqttOptions& options,
                                                             MqttTarget target) {
  static const int initialised = mosquitto_lib_init();
  if (initialised != MOSQ_ERR_SUCCESS) return fail(errc::unavailable, "libmosquitto can't start");
  mosquitto* const instance =
      mosquitto_new(or_null(options.client_id), options.clean_start, nullptr);
  if (instance == nullptr) return fail_errno(target.name + ": libmosquitto");
  std::unique_ptr<MqttConnection> connection(
      new MqttConnection(options, std::move(target), instance));
  TRIBUTARY_TRY(connection->configure(options));
  TRIBUTARY_TRY(connection->connect(options));
  return connection;
}

Result<void> MqttConnection::configure(const MqttOptions& options) {
  mosquitto* const m = mosquitto_.get();
  mosquitto_user_data_set(m, this);
  mosquitto_threaded_set(m, true);
  mosquitto_int_option(m, MOSQ_OPT_PROTOCOL_VERSION,
                       target_.protocol == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
  mosquitto_int_option(m, MOSQ_OPT_RECEIVE_MAXIMUM, options.receive_maximum);
  mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, 65'535);
  mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_connect_v5_callback_set(m, &on_connect);
  mosquitto_disconnect_v5_callback_set(m, &on_disconnect);
  mosquitto_publish_v5_callback_set(m, &on_publish);
  mosquitto_subscribe_v5_callback_set(m, &on_subscribe);
  mosquitto_unsubscribe_v5_callback_set(m, &on_unsubscribe);
  mosquitto_message_v5_callback_set(m, &on_message);
  if (target_.tls != nullptr) {
    mosquitto_int_option(m, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
    mosquitto_void_option(m, MOSQ_OPT_SSL_CTX, target_.tls);
    mosquitto_log_callback_set(m, &on_log);
  }
  if (const int code =
          mosquitto_username_pw_set(m, or_null(options.user), or_null(options.password));
      code != MOSQ_ERR_SUCCESS) {
    return failed(code);
  }
  return options.will ? set_will(*options.will) : Result<void>{};
}

Result<void> MqttConnection::set_will(const MqttPublication& will) {
  PropertyList list;
  if (target_.protocol == 5) {
    TRIBUTARY_ASSIGN(list, to_property_list(will.properties));
  }
  // libmosquitto takes the list, but not when it fails.
  mosquitto_property* const taken = list.release();
  const int code = mosquitto_will_set_v5(mosquitto_.get(), will.topic.c_str(),
                                         static_cast<int>(will.payload.size()), will.payload.data(),
                                         will.qos, will.retain, taken);
  if (code == MOSQ_ERR_SUCCESS) return {};
  list.reset(taken);
  return failed(code);
}

Result<void> MqttConnection::connect(const MqttOptions& options) {
  mosquitto* const m = mosquitto_.get();
  const int keepalive = static_cast<int>(options.keepalive.count());
  if (target_.protocol == 5) {
    // Only the call that blocks takes properties. It keeps them before it looks at the port, and
    // the one that doesn't block sends what was kept.
    TRIBUTARY_ASSIGN(const auto list, connect_properties(options));
    mosquitto_connect_bind_v5(m, target_.address.c_str(), -1, keepalive, nullptr, list.get());
  }
  errno = 0;
  const int code =
      mosquitto_connect_bind_async(m, target_.address.c_str(), target_.port, keepalive, nullptr);
  connect_errno_ = errno;
  if (code != MOSQ_ERR_SUCCESS) return failed(code);
  return {};
}

std::unexpected<Error> MqttConnection::failed(const std::string& why) const {
  return fail(errc::not_connected, target_.name + ": " + why);
}

std::unexpected<Error> MqttConnection::failed(int code) const {
  const int error = errno;
  if (disconnect_reason_ != 0) {
    return failed(std::string("the broker disconnected us: ") +
                  mosquitto_reason_string(disconnect_reason_));
  }
  if (code == MOSQ_ERR_ERRNO && target_.tls != nullptr && error == EPROTO) {
    return failed(tls_error_.empty() ? "the TLS connection broke" : "TLS: " + tls_error_);
  }
  switch (code) {
    case MOSQ_ERR_ERRNO:
      return failed(system_words(error));
    case MOSQ_ERR_SUCCESS:
    case MOSQ_ERR_NO_CONN:
    case MOSQ_ERR_CONN_LOST:
      return failed("the broker closed the connection");
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_MALFORMED_PACKET:
      return failed("what it sent is not MQTT");
    default:
      return failed(mosquitto_strerror(code));
  }
}

short MqttConnection::events() const {
  switch (stage_) {
    case Stage::tcp:
      return POLLOUT;
    case Stage::tls:
      return ssl() != nullptr && SSL_want_write(ssl()) ? POLLOUT : POLLIN;
    case Stage::ready:
      break;
  }
  return writing() ? POLLOUT : POLLIN;
}

bool MqttConnection::has_buffered_input() const {
  return stage_ == Stage::ready && ssl() != nullptr && SSL_pending(ssl()) > 0;
}

Result<bool> MqttConnection::establish(short ready) {
  if (stage_ == Stage::tcp && (ready & (POLLOUT | POLLERR | POLLHUP)) != 0) {
    TRIBUTARY_TRY(finish_tcp());
  }
  if (stage_ == Stage::tls && ready != 0) {
    TRIBUTARY_TRY(shake_hands(ready));
  }
  return stage_ == Stage::ready;
}

Result<bool> MqttConnection::finish_tcp() {
  int error = 0;
  socklen_t size = sizeof error;
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof peer;
  ::getsockopt(socket(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return failed(system_words(error));
  if (::getpeername(socket(), reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) {
    // The first write of TLS took the socket's error.
    return failed(connect_errno_ != 0 ? system_words(connect_errno_) : "can't connect");
  }
  stage_ = target_.tls != nullptr ? Stage::tls : Stage::ready;
  return true;
}

Result<bool> MqttConnection::shake_hands(short ready) {
  char byte = 0;
  if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0 &&
      ::recv(socket(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
    return failed("the broker closed the connection in the TLS handshake");
  }
  errno = 0;
  const int code = mosquitto_loop_read(mosquitto_.get(), 1);
  if (code != MOSQ_ERR_SUCCESS) {
    const auto certificate = certificate_error(ssl());
    if (!certificate.empty()) return failed("its TLS certificate: " + certificate);
    return failed("TLS: " +
                  (tls_error_.empty() ? std::string("the handshake failed") : tls_error_));
  }
  if (SSL_is_init_finished(ssl()) == 0) {
    // libmosquitto takes a broken connection for one that needs more time.
    if (errno == ECONNRESET || errno == EPIPE)
      return failed(system_words(errno) + " in the TLS handshake");
    return false;
  }
  mosquitto_log_callback_set(mosquitto_.get(), nullptr);
  tls_error_.clear();
  stage_ = Stage::ready;
  return true;
}

Result<void> MqttConnection::write() {
  TRIBUTARY_TRY(flush_past_queue());
  if (!past_queue_.empty() || !mosquitto_want_write(mosquitto_.get())) return {};
  const Cork cork(socket());
  const int code = mosquitto_loop_write(mosquitto_.get(), 1);
  if (code != MOSQ_ERR_SUCCESS || socket() < 0) return failed(code);
  return {};
}

bool MqttConnection::writing() const {
  return !past_queue_.empty() || mosquitto_want_write(mosquitto_.get());
}

Result<void> MqttConnection::read(MqttInbox& inbox, std::size_t messages, std::size_t bytes) {
  inbox_ = &inbox;
  Result<bool> more = true;
  while (more && *more && inbox.messages.size() < messages && inbox.message_bytes < bytes) {
    more = read_packet();
  }
  inbox_ = nullptr;
  if (!more) return std::unexpected(std::move(more).error());
  return {};
}

// False when the rest of it, or the next one, hasn't come in yet.
Result<bool> MqttConnection::read_packet() {
  if (looked_at_ == 0) {
    TRIBUTARY_ASSIGN(const bool readable, look_ahead());
    if (!readable) return false;
    if (looked_at_ == 0) return true;
  }
  const bool only_start = !header_.empty();
  std::optional<NoInput> decrypted_only;
  if (only_start) decrypted_only.emplace(ssl());
  const auto before = inbox_->packets;
  const int code = mosquitto_loop_read(mosquitto_.get(), 1);
  const auto count = inbox_->packets - before;
  if (code != MOSQ_ERR_SUCCESS || socket() < 0) return failed(code);
  // What comes behind the start of a header is looked at, too.
  looked_at_ -= only_start ? looked_at_ : std::min(looked_at_, count);
  return count != 0;
}

// Whether there may be something to read now. Takes answers to pings out: libmosquitto, which
// doesn't know of our pings, would say nothing about them.
Result<bool> MqttConnection::look_ahead() {
  std::array<char, 4096> waiting{};
  const auto size = peek(waiting);
  if (size == 0) return false;
  if (size < 0) {
    if (!tls_error_.empty()) return failed("TLS: " + tls_error_);
    looked_at_ = 1;  // the connection has ended: libmosquitto says how
    return true;
  }
  const std::string_view there(waiting.data(), static_cast<std::size_t>(size));
  if (!header_.empty()) header_ += there;
  const auto front = look_at_front(header_.empty() ? there : header_, packet_size_max_);
  if (front.kind == PacketFront::Kind::incomplete) return await_header(there);
  const bool begun = !std::exchange(header_, {}).empty();
  switch (front.kind) {
    case PacketFront::Kind::incomplete:
    case PacketFront::Kind::packets:
      looked_at_ = front.count;
      set_wake_at(1);
      return true;
    case PacketFront::Kind::ping_response:
      if (begun) {
        looked_at_ = 1;
      } else {
        skip(front.size);
      }
      set_wake_at(1);
      return true;
    case PacketFront::Kind::unexpected:
      return failed(MOSQ_ERR_PROTOCOL);
    case PacketFront::Kind::too_large:
      break;
  }
  return failed("it sends a packet of " + std::to_string(front.size) + " bytes, and " +
                std::to_string(packet_size_max_) +
                " are taken here at most (what a broker sends can be limited there; Mosquitto: "
                "message_size_limit)");
}

// What can be read, left where it is: 0 when there is nothing, below when the connection has ended.
std::ptrdiff_t MqttConnection::peek(std::span<char> into) {
  if (ssl() == nullptr) {
    const auto got = ::recv(socket(), into.data(), into.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) return got;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
  }
  ERR_clear_error();
  const int got = SSL_peek(ssl(), into.data(), static_cast<int>(into.size()));
  if (got > 0) return got;
  const int error = SSL_get_error(ssl(), got);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return 0;
  // With TLS 1.3 a broker that refuses our certificate says so after the handshake.
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  if (error == SSL_ERROR_SSL && reason != nullptr) tls_error_ = reason;
  return -1;
}

// Of what peek() has given.
void MqttConnection::skip(std::size_t bytes) const {
  std::array<char, 8> skipped{};
  const auto size = std::min(bytes, skipped.size());
  if (ssl() == nullptr) {
    ::recv(socket(), skipped.data(), size, MSG_DONTWAIT);
  } else {
    SSL_read(ssl(), skipped.data(), static_cast<int>(size));
  }
}

// The start of a header has come in. Over TLS nothing behind it can be seen before it is read.
bool MqttConnection::await_header(std::string_view start) {
  if (ssl() == nullptr) {
    set_wake_at(static_cast<int>(start.size()) + 1);
    return false;
  }
  if (header_.empty()) header_ = start;
  looked_at_ = 1;
  return true;
}

// How many bytes have to wait for a ::poll of the socket to say so.
void MqttConnection::set_wake_at(int bytes) {
  if (wake_at_ == bytes) return;
  wake_at_ = bytes;
  ::setsockopt(socket(), SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

// At the end of every callback.
void MqttConnection::packet_done() {
  ++inbox_->packets;
  errno = EAGAIN;
}

Result<void> MqttConnection::write_past_queue(std::string_view packet) {
  if (past_queue_.empty()) past_queue_ = packet;
  return flush_past_queue();
}

Result<void> MqttConnection::flush_past_queue() {
  while (!past_queue_.empty()) {
    ssize_t written = 0;
    if (ssl() != nullptr) {
      ERR_clear_error();
      written = SSL_write(ssl(), past_queue_.data(), static_cast<int>(past_queue_.size()));
      if (written <= 0) {
        const int error = SSL_get_error(ssl(), static_cast<int>(written));
        if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) return {};
        return failed("the TLS connection broke");
      }
    } else {
      written =
          ::send(socket(), past_queue_.data(), past_queue_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (written < 0 && (errno == EAGAIN || errno == EINTR)) return {};
      if (written < 0) return failed(system_words(errno));
    }
    past_queue_.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<int> MqttConnection::publish(const MqttPublication& publication) {
  PropertyList list;
  if (target_.protocol == 5) {
    TRIBUTARY_ASSIGN(list, to_property_list(publication.properties));
  }
  int id = 0;
  const int code =
      mosquitto_publish_v5(mosquitto_.get(), &id, publication.topic.c_str(),
                           static_cast<int>(publication.payload.size()), publication.payload.data(),
                           publication.qos, publication.retain, list.get());
  return queued(code, id, publication.topic);
}

Result<int> MqttConnection::subscribe(const MqttSubscription& subscription) {
  int id = 0;
  const int options = subscription.retain_as_published ? MQTT_SUB_OPT_RETAIN_AS_PUBLISHED : 0;
  const int code = mosquitto_subscribe_v5(mosquitto_.get(), &id, subscription.topic.c_str(),
                                          subscription.qos, options, nullptr);
  return queued(code, id, subscription.topic);
}

void MqttConnection::unsubscribe(const std::string& topic) {
  mosquitto_unsubscribe(mosquitto_.get(), nullptr, topic.c_str());
}

void MqttConnection::on_connect(mosquitto*, void* self, int reason, int flags,
                                const mosquitto_property* list) {
  auto* const connection = static_cast<MqttConnection*>(self);
  auto* const inbox = connection->inbox_;
  if (inbox == nullptr) return;
  MqttConnack connack;
  connack.reason = static_cast<std::uint8_t>(reason);
  connack.session_present = (flags & 1) != 0;
  mosquitto_property_read_int16(list, MQTT_PROP_RECEIVE_MAXIMUM, &connack.receive_maximum, false);
  mosquitto_property_read_int32(list, MQTT_PROP_MAXIMUM_PACKET_SIZE, &connack.packet_size_max,
                                false);
  if (std::uint16_t seconds = 0; mosquitto_property_read_int16(list, MQTT_PROP_SERVER_KEEP_ALIVE,
                                                               &seconds, false) != nullptr) {
    connack.keepalive = std::chrono::seconds(seconds);
  }
  inbox->connack = connack;
  connection->packet_done();
}

void MqttConnection::on_disconnect(mosquitto*, void* self, int reason, const mosquitto_property*) {
  // Below 0x80 it is libmosquitto's own code, which its caller gets too.
  if (reason >= 0x80)
    static_cast<MqttConnection*>(self)->disconnect_reason_ = static_cast<std::uint8_t>(reason);
}

void MqttConnection::on_publish(mosquitto*, void* self, int id, int reason,
                                const mosquitto_property*) {
  // Called for QoS 0 too, when that is written.
  auto* const connection = static_cast<MqttConnection*>(self);
  if (connection->inbox_ == nullptr) return;
  connection->inbox_->pubacks.push_back({id, static_cast<std::uint8_t>(reason)});
  connection->packet_done();
}

void MqttConnection::on_subscribe(mosquitto*, void* self, int id, int count, const int* granted,
                                  const mosquitto_property*) {
  auto* const connection = static_cast<MqttConnection*>(self);
  if (connection->inbox_ == nullptr || count < 1) return;
  connection->inbox_->subacks.push_back({id, granted[0]});
  connection->packet_done();
}

void MqttConnection::on_unsubscribe(mosquitto*, void* self, int, const mosquitto_property*) {
  auto* const connection = static_cast<MqttConnection*>(self);
  if (connection->inbox_ != nullptr) connection->packet_done();
}

void MqttConnection::on_message(mosquitto*, void* self, const mosquitto_message* message,
                                const mosquitto_property* list) {
  auto* const connection = static_cast<MqttConnection*>(self);
  auto* const inbox = connection->inbox_;
  if (inbox == nullptr) return;
  auto& taken = inbox->messages.emplace_back();
  taken.topic = message->topic;
  taken.payload.assign(static_cast<const char*>(message->payload),
                       static_cast<std::size_t>(message->payloadlen));
  taken.qos = message->qos;
  taken.retain = message->retain;
  inbox->message_bytes += taken.payload.size() + taken.topic.size();
  if (list != nullptr) {
    taken.properties = from_property_list(list);
    inbox->message_bytes += wire_size(taken.properties);
  }
  connection->packet_done();
}

void MqttConnection::on_log(mosquitto*, void* self, int level, const char* text) {
  if (level == MOSQ_LOG_ERR) static_cast<MqttConnection*>(self)->tls_error_ = text;
}

}  // namespace tributary
