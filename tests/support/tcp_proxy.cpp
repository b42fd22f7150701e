#include "tests/support/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

namespace tributary {
namespace {

sockaddr_in local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

std::uint16_t big_endian(std::string_view bytes, std::size_t at) {
  if (at + 2 > bytes.size()) return 0;
  return static_cast<std::uint16_t>((static_cast<unsigned char>(bytes[at]) << 8) |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

std::uint16_t packet_id(MqttPacket::Type type, std::uint8_t flags, std::string_view body) {
  switch (type) {
    case MqttPacket::publish:
      return (flags & 6) == 0 ? std::uint16_t{0}
                              : big_endian(body, std::size_t{2} + big_endian(body, 0));
    case MqttPacket::connect:
    case MqttPacket::connack:
    case MqttPacket::pingreq:
    case MqttPacket::pingresp:
    case MqttPacket::disconnect:
    case MqttPacket::auth:
      return 0;
    default:
      return big_endian(body, 0);
  }
}

// The length field that begins at `at`, which is moved behind it; nothing when it isn't whole.
std::optional<std::size_t> take_length(std::string_view bytes, std::size_t& at) {
  std::size_t length = 0;
  for (unsigned shift = 0; shift <= 21 && at < bytes.size(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    length |= static_cast<std::size_t>(byte & 0x7FU) << shift;
    if ((byte & 0x80U) == 0) return length;
  }
  return std::nullopt;
}

}  // namespace

std::vector<MqttPacket> scan_mqtt(std::string_view bytes) {
  std::vector<MqttPacket> packets;
  std::size_t at = 0;
  while (at + 2 <= bytes.size()) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    std::size_t body = at + 1;
    const auto length = take_length(bytes, body);
    if (!length || body + *length > bytes.size()) break;
    MqttPacket packet;
    packet.type = static_cast<MqttPacket::Type>(first >> 4);
    packet.flags = static_cast<std::uint8_t>(first & 0xFU);
    packet.id = packet_id(packet.type, packet.flags, bytes.substr(body, *length));
    packet.end = at = body + *length;
    packets.push_back(packet);
  }
  return packets;
}

TcpProxy::TcpProxy(std::uint16_t server_port, Answerer answerer)
    : server_port_(server_port),
      answerer_(std::move(answerer)),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  auto address = local(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("proxy: no port");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

TcpProxy::~TcpProxy() {
  thread_.request_stop();
  wake();
  thread_.join();
  for (auto& connection : connections_) close(connection, false);
  ::close(listener_);
  ::close(wake_);
}

void TcpProxy::wake() const { ::eventfd_write(wake_, 1); }

void TcpProxy::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<pollfd> fds{{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
    {
      const std::lock_guard lock(mutex_);
      for (const auto& connection : connections_) {
        if (!connection.open() || stalled_) continue;
        fds.push_back({connection.client, POLLIN, 0});
        if (connection.server >= 0) fds.push_back({connection.server, POLLIN, 0});
      }
    }
    ::poll(fds.data(), fds.size(), -1);
    eventfd_t count = 0;
    if (fds[1].revents != 0) ::eventfd_read(wake_, &count);
    const std::lock_guard lock(mutex_);
    if (fds[0].revents != 0) accept_one();
    if (stalled_) continue;
    for (auto& connection : connections_) {
      if (connection.open()) receive(connection, connection.client, connection.to_server);
      if (connection.open() && !connection.decided) decide(connection);
      if (connection.open() && connection.server >= 0) {
        forward(connection, connection.server, connection.to_server);
      }
      if (connection.open() && connection.server >= 0) {
        receive(connection, connection.server, connection.to_client);
      }
      if (connection.open()) forward(connection, connection.client, connection.to_client);
    }
  }
}

void TcpProxy::accept_one() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  auto& connection = connections_.emplace_back();
  connection.client = client;
  connection.accepted = std::chrono::steady_clock::now();
}

void TcpProxy::decide(Connection& connection) {
  if (connection.to_server.bytes.empty()) return;
  connection.decided = true;
  if (auto answer = answerer_ ? answerer_(connection.to_server.bytes) : std::nullopt) {
    connection.to_client.bytes = std::move(answer->bytes);
    forward(connection, connection.client, connection.to_client);
    if (answer->close) close(connection, false);
    return;
  }
  connection.server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = local(server_port_);
  if (::connect(connection.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
      0) {
    close(connection, true);
    return;
  }
  ::fcntl(connection.server, F_SETFL, O_NONBLOCK);
}

void TcpProxy::receive(Connection& connection, int from, Stream& stream) {
  std::array<char, 65'536> buffer;
  // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): the socket doesn't block
  const auto got = ::recv(from, buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    forward(connection, from == connection.client ? connection.server : connection.client, stream);
    close(connection, got < 0);
    return;
  }
  stream.bytes.append(buffer.data(), static_cast<std::size_t>(got));
  stream.chunks.push_back({stream.bytes.size(), std::chrono::steady_clock::now()});
}

// Waits for a reader who is slow: tests have few connections, and want the bytes in order.
void TcpProxy::forward(Connection& connection, int to, Stream& stream) {
  while (to >= 0 && stream.forwarded < stream.bytes.size()) {
    const auto sent = ::send(to, stream.bytes.data() + stream.forwarded,
                             stream.bytes.size() - stream.forwarded, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
      pollfd fd{to, POLLOUT, 0};
      if (::poll(&fd, 1, 100) == 0) return;
      continue;
    }
    if (sent < 0) {
      close(connection, true);
      return;
    }
    stream.forwarded += static_cast<std::size_t>(sent);
  }
}

void TcpProxy::close(Connection& connection, bool reset) {
  for (int* fd : {&connection.client, &connection.server}) {
    if (*fd < 0) continue;
    const linger now{1, 0};
    if (reset) ::setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(*fd);
    *fd = -1;
  }
}

void TcpProxy::cut() {
  const std::lock_guard lock(mutex_);
  for (auto& connection : connections_) close(connection, true);
  wake();
}

void TcpProxy::stall(bool on) {
  const std::lock_guard lock(mutex_);
  stalled_ = on;
  wake();
}

std::vector<TcpProxy::Time> TcpProxy::accepted() const {
  const std::lock_guard lock(mutex_);
  std::vector<Time> times;
  times.reserve(connections_.size());
  for (const auto& connection : connections_) times.push_back(connection.accepted);
  return times;
}

const TcpProxy::Stream& TcpProxy::stream(std::size_t connection, Direction direction) const {
  const auto& found = connections_.at(connection);
  return direction == Direction::to_server ? found.to_server : found.to_client;
}

std::string TcpProxy::bytes(std::size_t connection, Direction direction) const {
  const std::lock_guard lock(mutex_);
  return stream(connection, direction).bytes;
}

std::vector<MqttPacket> TcpProxy::packets(std::size_t connection, Direction direction) const {
  const std::lock_guard lock(mutex_);
  const auto& recorded = stream(connection, direction);
  auto packets = scan_mqtt(recorded.bytes);
  for (auto& packet : packets) {
    const auto chunk = std::ranges::lower_bound(recorded.chunks, packet.end, {}, &Chunk::end);
    if (chunk != recorded.chunks.end()) packet.time = chunk->time;
  }
  return packets;
}

std::size_t TcpProxy::count(std::size_t connection, MqttPacket::Type type,
                            Direction direction) const {
  return static_cast<std::size_t>(
      std::ranges::count(packets(connection, direction), type, &MqttPacket::type));
}

}  // namespace tributary
