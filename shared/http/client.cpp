#include "shared/http/client.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <memory>

namespace tributary {
namespace {

constexpr std::size_t kAnswerSizeMax = 64U << 20;

struct Descriptor {
  int value = -1;
  explicit Descriptor(int descriptor) : value(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

struct HostPort {
  std::string host;
  std::string port;
};

HostPort split(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return {.host = address, .port = "80"};
  auto host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return {.host = host, .port = address.substr(colon + 1)};
}

void limit_time(int socket, std::chrono::milliseconds time) {
  const timeval limit{.tv_sec = time.count() / 1000, .tv_usec = time.count() % 1000 * 1000};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

Result<void> send_all(int socket, std::string_view bytes, const std::string& address) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return fail_errno("cannot ask " + address);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::string> receive_all(int socket, const std::string& address) {
  std::string text;
  std::array<char, 16384> buffer{};
  while (true) {
    const auto count = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (count < 0) return fail_errno("no answer from " + address);
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > kAnswerSizeMax)
      return fail(errc::too_large, "the answer of " + address + " is too long");
  }
}

Result<std::string> body_of(const std::string& text, const std::string& address) {
  const auto refuse = [&] {
    return fail(errc::invalid_argument, address + " doesn't answer as an HTTP server");
  };
  constexpr std::string_view kEnd = "\r\n\r\n";
  constexpr std::size_t kStatusAt = 9;  // behind "HTTP/1.x "
  const auto end = text.find(kEnd);
  if (!text.starts_with("HTTP/1.") || end == std::string::npos || end < kStatusAt + 3)
    return refuse();
  const auto status = text.substr(kStatusAt, 3);
  auto body = text.substr(end + kEnd.size());
  if (status != "200") return fail(errc::refused, address + " answered " + status + ": " + body);
  return body;
}

}  // namespace

Result<std::string> http_get(const std::string& address, const std::string& target,
                             std::chrono::milliseconds time) {
  const auto [host, port] = split(address);
  const addrinfo hints{.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                       .ai_family = AF_UNSPEC,
                       .ai_socktype = SOCK_STREAM,
                       .ai_protocol = 0,
                       .ai_addrlen = 0,
                       .ai_addr = nullptr,
                       .ai_canonname = nullptr,
                       .ai_next = nullptr};
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
    return fail(errc::invalid_argument,
                "\"" + address + "\" is not an address such as 127.0.0.1:8000");
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> peer(found, freeaddrinfo);
  const Descriptor socket(::socket(peer->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.value < 0) return fail_errno("cannot make a socket");
  limit_time(socket.value, time);
  if (::connect(socket.value, peer->ai_addr, peer->ai_addrlen) != 0) {
    return fail(errc::unavailable, "nobody listens on " + address);
  }
  const auto request =
      "GET " + target + " HTTP/1.0\r\nHost: " + address + "\r\nConnection: close\r\n\r\n";
  TRIBUTARY_TRY(send_all(socket.value, request, address));
  TRIBUTARY_ASSIGN(const auto text, receive_all(socket.value, address));
  return body_of(text, address);
}

}  // namespace tributary
