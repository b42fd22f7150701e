#include "tests/unit/http/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

namespace tributary::test {

Client::Client(const std::string& address) {
  const auto colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  REQUIRE(::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) == 1);
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd_ >= 0);
  const timeval limit{10, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
}

Client::~Client() { close(); }

void Client::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Client::end_sending() { ::shutdown(fd_, SHUT_WR); }

void Client::shrink_receive_buffer() {
  const int size = 4096;
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Client::fill() {
  char bytes[65536];
  const auto length = ::recv(fd_, bytes, sizeof bytes, 0);
  if (length <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(length));
  return true;
}

std::string Client::receive(std::size_t most) {
  if (buffer_.empty()) fill();
  std::string taken = buffer_.substr(0, most);
  buffer_.erase(0, taken.size());
  return taken;
}

std::optional<std::string> Client::line() {
  while (buffer_.find("\r\n") == std::string::npos) {
    if (!fill()) return std::nullopt;
  }
  const auto end = buffer_.find("\r\n");
  std::string text = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return text;
}

bool Client::take(std::size_t length, std::string& to) {
  while (buffer_.size() < length) {
    if (!fill()) break;
  }
  const auto taken = std::min(length, buffer_.size());
  to.append(buffer_, 0, taken);
  buffer_.erase(0, taken);
  return taken == length;
}

Reply Client::reply(bool head) {
  Reply reply;
  const auto status = line();
  if (!status || status->size() < 12) return reply;
  reply.status = std::stoi(status->substr(9, 3));
  for (auto field = line(); field && !field->empty(); field = line()) {
    const auto colon = field->find(": ");
    std::string name = field->substr(0, colon);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    reply.headers[name] = field->substr(colon + 2);
  }
  if (head || reply.status == 204 || reply.status == 304 || reply.status == 100) {
    reply.whole = true;
  } else if (reply.headers.contains("content-length")) {
    reply.whole = take(std::stoul(reply.headers["content-length"]), reply.body);
  } else if (reply.headers.contains("transfer-encoding")) {
    for (auto size = line(); size; size = line()) {
      const auto length = std::stoul(*size, nullptr, 16);
      if (!take(length, reply.body)) break;
      if (!line()) break;
      if (length == 0) {
        reply.whole = true;
        break;
      }
    }
  } else {
    while (fill()) continue;
    reply.body = std::exchange(buffer_, {});
    reply.whole = closed_by_server();
  }
  return reply;
}

bool Client::closed_by_server() {
  while (true) {
    char bytes[65536];
    const auto length = ::recv(fd_, bytes, sizeof bytes, 0);
    if (length == 0 || (length < 0 && errno != EAGAIN)) return true;
    if (length < 0) return false;
  }
}

}  // namespace tributary::test
