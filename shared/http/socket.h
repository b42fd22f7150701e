#pragma once

// Internal to shared/http: Asio comes with it.

#include <asio.hpp>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tributary::http {

// What the bodies of all requests under way hold in memory.
struct BodyBudget {
  explicit BodyBudget(std::size_t bytes_max) : most(bytes_max) {}
  std::atomic<std::size_t> used{0};
  const std::size_t most;
};

// One body's part of the budget, given back at the end.
class BodyClaim {
 public:
  BodyClaim() = default;
  explicit BodyClaim(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}
  BodyClaim(BodyClaim&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  BodyClaim& operator=(BodyClaim&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~BodyClaim();

  // False when the budget has no room for `bytes` more.
  bool grow(std::size_t bytes);
  // What was claimed so far, as a claim of its own.
  BodyClaim take();

 private:
  std::shared_ptr<BodyBudget> budget_;
  std::size_t bytes_ = 0;
};

// A connection's socket, as RESTinio uses it (which knows its type, so members may be hidden). It
// adds what RESTinio leaves out: an answer to a request that can't be read, and a close that lets
// the client read this answer although its own bytes were not all taken.
//
// RESTinio tells its reason for a close to its logger only, and to nobody the connection whose
// bytes it parses. Both happen on the thread that then calls the socket, so a thread-local carries
// them.
class Socket : public asio::ip::tcp::socket {
 public:
  using Base = asio::ip::tcp::socket;

  explicit Socket(asio::io_context& context) : Base(context) {}

  // Until the socket is gone: the place that it takes among the connections allowed.
  void take_seat(std::shared_ptr<void> seat) { seat_ = std::move(seat); }

  // Whose bytes this thread is working on; nullptr outside of that.
  static Socket* current();
  // The next shutdown() by this thread answers with this (a whole HTTP response) first.
  static void answer_at_shutdown(std::string response);
  // The next shutdown() by this thread resets the connection, so that the client sees that what it
  // got is not whole.
  static void reset_at_shutdown();

  // Bytes outside of RESTinio's queue: only when it writes nothing. Doesn't wait; lost when the
  // socket's buffer is full.
  void send_now(std::string_view bytes);
  // Sends a last answer; close() then waits a moment for the client to read it.
  void refuse(std::string_view response);

  // Calls work(whether the peer has closed) when there is something to read, or its end; one at a
  // time, never when the socket is closed before. `work` keeps the socket alive.
  template <class Executor, class Work>
  void when_readable(const Executor& executor, Work work) {
    if (!is_open() || std::exchange(awaited_, true)) return;
    Base::async_wait(wait_read,
                     asio::bind_executor(executor, [this, work = std::move(work)](
                                                       const asio::error_code& ec) mutable {
                       awaited_ = false;
                       if (!ec && is_open()) work(is_at_end());
                     }));
  }

  // Resets the connection: what is being written ends with an error.
  void abort();

  void shutdown(shutdown_type what, asio::error_code& ec);
  void close();

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    const asio::mutable_buffer first = *asio::buffer_sequence_begin(buffers);
    Base::async_read_some(buffers,
                          marked([this, first, handler = std::forward<Handler>(handler)](
                                     const asio::error_code& ec, std::size_t length) mutable {
                            last_read_ = {static_cast<const char*>(first.data()), ec ? 0 : length};
                            handler(ec, length);
                          }));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    Base::async_write_some(buffers, marked(std::forward<Handler>(handler)));
  }

  BodyClaim body;       // of the request being read
  std::string refusal;  // why it is refused, where the parser's error doesn't say it
  std::function<void()> on_unreadable;  // told of a request that can't be read
  // Answers a request whose method the parser doesn't know: method and target.
  std::function<std::string(std::string_view, std::string_view)> on_unknown_method;
  // What was read last, while its handler runs.
  [[nodiscard]] std::string_view last_read() const { return last_read_; }

 private:
  class Mark {
   public:
    explicit Mark(Socket* socket);
    ~Mark();
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
  };

  // The same handler, with current() set while it runs. The handler keeps the socket alive.
  template <class Handler>
  auto marked(Handler&& handler) {
    const auto executor = asio::get_associated_executor(handler, get_executor());
    return asio::bind_executor(
        executor, [this, handler = std::forward<Handler>(handler)](const asio::error_code& ec,
                                                                   std::size_t length) mutable {
          const Mark mark(this);
          handler(ec, length);
        });
  }

  [[nodiscard]] bool is_at_end();

  std::shared_ptr<void> seat_;
  std::string_view last_read_;
  bool refused_ = false;
  bool awaited_ = false;
};

}  // namespace tributary::http
