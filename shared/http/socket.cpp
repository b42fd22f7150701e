#include "shared/http/socket.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>

namespace tributary::http {
namespace {

thread_local Socket* current_socket = nullptr;
thread_local std::string answer_at_next_shutdown;
thread_local bool reset_at_next_shutdown = false;

constexpr std::size_t kLingeringMax = 32;
constexpr std::size_t kLingerBytesMax = 64U << 20;
constexpr std::chrono::seconds kLingerTime{5};
std::atomic<std::size_t> lingering{0};

// Takes and drops what a refused client still sends, so that the kernel doesn't answer it with a
// reset, which would take our answer away unread (RFC 9112, 9.6). Bounded in time, bytes and
// number.
class Lingerer : public std::enable_shared_from_this<Lingerer> {
 public:
  explicit Lingerer(Socket::Base&& socket)
      : socket_(std::move(socket)),
        strand_(asio::make_strand(socket_.get_executor())),
        timer_(strand_) {}
  ~Lingerer() { --lingering; }

  static void start(Socket::Base&& socket) {
    if (++lingering > kLingeringMax) {
      --lingering;
      asio::error_code ignored;
      static_cast<void>(socket.close(ignored));
      return;
    }
    const auto self = std::make_shared<Lingerer>(std::move(socket));
    asio::post(self->strand_, [self] {
      self->timer_.expires_after(kLingerTime);
      self->timer_.async_wait([weak = std::weak_ptr(self)](const asio::error_code& ec) {
        const auto lingerer = weak.lock();
        asio::error_code ignored;
        if (!ec && lingerer) static_cast<void>(lingerer->socket_.close(ignored));
      });
      self->read();
    });
  }

 private:
  void read() {
    socket_.async_read_some(
        asio::buffer(dropped_),
        asio::bind_executor(
            strand_, [self = shared_from_this()](const asio::error_code& ec, std::size_t length) {
              self->bytes_ += length;
              if (ec || self->bytes_ > kLingerBytesMax) {
                self->timer_.cancel();
              } else {
                self->read();
              }
            }));
  }

  Socket::Base socket_;
  asio::strand<Socket::Base::executor_type> strand_;
  asio::steady_timer timer_;
  std::array<char, 16384> dropped_;
  std::size_t bytes_ = 0;
};

}  // namespace

BodyClaim::~BodyClaim() {
  if (budget_) budget_->used -= bytes_;
}

bool BodyClaim::grow(std::size_t bytes) {
  if (!budget_) return true;
  bytes_ += bytes;
  return (budget_->used += bytes) <= budget_->most;
}

BodyClaim BodyClaim::take() {
  BodyClaim taken(budget_);
  taken.bytes_ = std::exchange(bytes_, 0);
  return taken;
}

Socket* Socket::current() { return current_socket; }
void Socket::answer_at_shutdown(std::string response) {
  answer_at_next_shutdown = std::move(response);
}
void Socket::reset_at_shutdown() { reset_at_next_shutdown = true; }

Socket::Mark::Mark(Socket* socket) { current_socket = socket; }
Socket::Mark::~Mark() { current_socket = nullptr; }

void Socket::send_now(std::string_view bytes) {
  if (is_open()) {
    // What a full buffer doesn't take, a client that reads nothing wouldn't have read.
    static_cast<void>(
        ::send(native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  }
}

void Socket::refuse(std::string_view response) {
  send_now(response);
  refused_ = true;
}

bool Socket::is_at_end() {
  char byte = 0;
  const auto size = ::recv(native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
}

void Socket::abort() {
  asio::error_code ignored;
  static_cast<void>(set_option(asio::socket_base::linger(true, 0), ignored));
  static_cast<void>(Base::close(ignored));
}

void Socket::shutdown(shutdown_type what, asio::error_code& ec) {
  const std::string answer = std::exchange(answer_at_next_shutdown, {});
  if (std::exchange(reset_at_next_shutdown, false)) {
    static_cast<void>(set_option(asio::socket_base::linger(true, 0), ec));
  } else if (!answer.empty()) {
    refuse(answer);
    static_cast<void>(Base::shutdown(shutdown_send, ec));
  } else {
    static_cast<void>(Base::shutdown(what, ec));
  }
}

void Socket::close() {
  if (std::exchange(refused_, false) && is_open()) {
    Lingerer::start(std::move(static_cast<Base&>(*this)));
    return;
  }
  asio::error_code ignored;
  static_cast<void>(Base::close(ignored));
}

}  // namespace tributary::http
