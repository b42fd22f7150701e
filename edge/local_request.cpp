#include "edge/local_request.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace tributary::edge {
namespace {

constexpr timeval kTimeout{.tv_sec = 5, .tv_usec = 0};
constexpr std::size_t kAnswerSizeMax = 1U << 20;

struct Socket {
  int value = -1;
  ~Socket() {
    if (value >= 0) ::close(value);
  }
};

std::unexpected<Error> nobody(const std::string& address, std::string_view reason) {
  return fail(errc::unavailable,
              "the agent doesn't answer at " + address + ": " + std::string(reason));
}

bool connect(const addrinfo& address, Socket& socket) {
  socket.value =
      ::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, address.ai_protocol);
  if (socket.value < 0) return false;
  ::setsockopt(socket.value, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof kTimeout);
  ::setsockopt(socket.value, SOL_SOCKET, SO_SNDTIMEO, &kTimeout, sizeof kTimeout);
  return ::connect(socket.value, address.ai_addr, address.ai_addrlen) == 0;
}

Result<std::string> exchange(int socket, const std::string& request, const std::string& address) {
  if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return nobody(address, "it takes no request");
  }
  std::string answer;
  std::array<char, 4096> piece{};
  while (answer.size() < kAnswerSizeMax) {
    const auto got = ::recv(socket, piece.data(), piece.size(), 0);
    if (got == 0) return answer;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return nobody(address, "no answer within five seconds");
    answer.append(piece.data(), static_cast<std::size_t>(got));
  }
  return nobody(address, "its answer is too long");
}

}  // namespace

Result<std::string> get_from_agent(const std::string& address, const std::string& path) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return nobody(address, "the address has no port");
  auto host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);

  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found) != 0) {
    return nobody(address, "there is no such address");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  Socket socket;
  if (!connect(*addresses, socket)) return nobody(address, std::strerror(errno));
  TRIBUTARY_ASSIGN(const auto answer, exchange(socket.value,
                                               "GET " + path + " HTTP/1.0\r\nHost: " + address +
                                                   "\r\nConnection: close\r\n\r\n",
                                               address));
  const auto body = answer.find("\r\n\r\n");
  if (body == std::string::npos || answer.find(" 200 ") > answer.find("\r\n")) {
    return nobody(address, answer.substr(0, answer.find("\r\n")));
  }
  return answer.substr(body + 4);
}

}  // namespace tributary::edge
