#include "shared/http/client.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

namespace tributary {
namespace {

constexpr std::size_t kAnswerSizeMax = 64U << 20;

struct Descriptor {
  int value = -1;
  explicit Descriptor(int descriptor) : value(descriptor) {}
  Descriptor(Descriptor&& other) noexcept : value(std::exchange(other.value, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
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
  const timeval limit{
      .tv_sec = static_cast<std::time_t>(time.count() / 1000),
      .tv_usec = static_cast<suseconds_t>(time.count() % 1000 * 1000),
  };
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

// Gives each piece that comes to `take`, until the connection ends.
Result<void> receive_all(int socket, const std::string& address, const HttpTake& take) {
  std::array<char, 16384> buffer{};
  while (true) {
    const auto count = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return fail(
          errc::timed_out,
          address +
              " takes connections and doesn't answer: does the process that listens there hang?");
    }
    if (count < 0) return fail_errno("no answer from " + address);
    if (count == 0) return {};
    TRIBUTARY_TRY(take({buffer.data(), static_cast<std::size_t>(count)}));
  }
}

Result<Descriptor> connect_to(const std::string& address, std::chrono::milliseconds time) {
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
  Descriptor socket(::socket(peer->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.value < 0) return fail_errno("cannot make a socket");
  limit_time(socket.value, time);
  if (::connect(socket.value, peer->ai_addr, peer->ai_addrlen) != 0) {
    return fail(errc::unavailable, "nobody listens on " + address);
  }
  return socket;
}

// Takes an answer apart as it comes: the head to its end, then the body of a 200 piece by piece, or
// the beginning of that of another status.
class AnswerReader {
 public:
  AnswerReader(const std::string& address, const HttpTake& take) : address_(address), take_(take) {}

  Result<void> add(std::string_view piece) {
    if (is_good_) return take_(piece);
    if (text_.size() < kProblemSizeMax) text_ += piece;
    const auto end = text_.find(kEnd);
    if (!text_.starts_with("HTTP/1.") || end == std::string::npos || end < kStatusAt + 3) return {};
    if (status() != "200") return {};
    is_good_ = true;
    return take_(std::string_view(text_).substr(end + kEnd.size()));
  }

  [[nodiscard]] Result<void> finish() const {
    if (is_good_) return {};
    const auto end = text_.find(kEnd);
    if (!text_.starts_with("HTTP/1.") || end == std::string::npos || end < kStatusAt + 3) {
      return fail(errc::invalid_argument, address_ + " doesn't answer as an HTTP server");
    }
    if (status() == "401" || status() == "403") {
      return fail(errc::refused,
                  address_ +
                      " asks for a token that allows this (http.token_file, or http.token in "
                      "the environment as TRIBUTARY_HTTP__TOKEN)");
    }
    return fail(errc::refused,
                address_ + " answered " + status() + ": " + text_.substr(end + kEnd.size()));
  }

 private:
  static constexpr std::string_view kEnd = "\r\n\r\n";
  static constexpr std::size_t kStatusAt = 9;  // behind "HTTP/1.x "
  static constexpr std::size_t kProblemSizeMax = 64U << 10;

  [[nodiscard]] std::string status() const { return text_.substr(kStatusAt, 3); }

  const std::string& address_;
  const HttpTake& take_;
  std::string text_;
  bool is_good_ = false;
};

Result<void> ask(const std::string& address, const std::string& request,
                 std::chrono::milliseconds time, const HttpTake& take) {
  TRIBUTARY_ASSIGN(const auto socket, connect_to(address, time));
  TRIBUTARY_TRY(send_all(socket.value, request, address));
  AnswerReader answer(address, take);
  TRIBUTARY_TRY(receive_all(socket.value, address,
                            [&](std::string_view piece) { return answer.add(piece); }));
  return answer.finish();
}

Result<std::string> ask_for_text(const std::string& address, const std::string& request,
                                 std::chrono::milliseconds time) {
  std::string text;
  TRIBUTARY_TRY(ask(address, request, time, [&](std::string_view piece) -> Result<void> {
    text += piece;
    if (text.size() <= kAnswerSizeMax) return {};
    return fail(errc::too_large, "the answer of " + address + " is too long");
  }));
  return text;
}

std::string head(std::string_view method, const std::string& target, const std::string& address,
                 const std::string& token) {
  return std::string(method) + " " + target + " HTTP/1.0\r\nHost: " + address + "\r\n" +
         (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") + "Connection: close\r\n";
}

}  // namespace

Result<std::string> http_get(const std::string& address, const std::string& target,
                             std::chrono::milliseconds time, const std::string& token) {
  return ask_for_text(address, head("GET", target, address, token) + "\r\n", time);
}

Result<void> http_get(const std::string& address, const std::string& target,
                      std::chrono::milliseconds time, const HttpTake& take,
                      const std::string& token) {
  return ask(address, head("GET", target, address, token) + "\r\n", time, take);
}

Result<std::string> http_post(const std::string& address, const std::string& target,
                              const std::string& json, std::chrono::milliseconds time,
                              const std::string& token) {
  return ask_for_text(address,
                      head("POST", target, address, token) +
                          "Content-Type: application/json\r\nContent-Length: " +
                          std::to_string(json.size()) + "\r\n\r\n" + json,
                      time);
}

}  // namespace tributary
