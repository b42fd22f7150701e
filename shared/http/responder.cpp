#include "shared/http/responder.h"

#include <array>
#include <charconv>
#include <exception>
#include <utility>

#include "shared/base/check.h"
#include "shared/base/mutex.h"
#include "shared/http/problem.h"

namespace tributary {
namespace {

using http::Then;

constexpr std::chrono::seconds kTokenLook{1};

// How a body without a known length travels: in chunks, or, to a client that doesn't know them,
// up to the end of the connection.
class OpenBody {
 public:
  explicit OpenBody(std::shared_ptr<HttpResponder::State> state) : state_(std::move(state)) {}

  // False when the answer is complete by that: HEAD, or the client has it already.
  bool begin(HttpResponse response, http::Body body) {
    const auto form = http::negotiate(response, body, state_->wishes, *state_->options);
    state_->status = response.status;
    const bool bodiless = form == http::Form::none;
    const bool chunked = state_->chunks_understood && !bodiless;
    const bool keeps_alive = state_->keeps_alive() && (chunked || bodiless);
    head_ = http::response_head(response, chunked ? "Transfer-Encoding: chunked\r\n" : "",
                                keeps_alive, state_->chunks_understood);
    if (!state_->head_only && !bodiless) {
      if (form == http::Form::gzip) compressor_ = state_->options->gzip();
      return true;
    }
    state_->write(std::move(head_), {}, keeps_alive ? Then::keep_alive : Then::close, 0);
    return false;
  }
  void write(std::string piece, std::function<void(bool)> done) {
    if (compressor_ && !piece.empty()) piece = compressor_->add(piece);
    send(std::move(piece), std::move(done));
  }
  void end() {
    if (compressor_) send(compressor_->finish({}), {});
    std::string last = std::exchange(head_, {});
    if (state_->chunks_understood) last += "0\r\n\r\n";
    state_->write(std::move(last), {},
                  state_->chunks_understood ? state_->after_answer() : Then::close, 0);
  }
  // Ends the connection at once, whatever is not written yet.
  void cut() {
    state_->whole = false;
    state_->connections->cut(state_->number);
  }
  void break_off() {
    if (!head_.empty()) {
      state_->answer(problem(500, "the answer could not be made"));
      return;
    }
    state_->whole = false;
    // A missing last chunk shows that the body isn't whole; without chunks only a reset does.
    state_->write({}, {}, state_->chunks_understood ? Then::close : Then::reset, 0);
  }

  [[nodiscard]] const HttpResponder::State& state() const { return *state_; }

 private:
  void send(std::string piece, std::function<void(bool)> done) {
    const std::size_t bytes = piece.size();
    std::string before = std::exchange(head_, {});
    if (state_->chunks_understood && !piece.empty()) {
      before += hexadecimal(piece.size()) + "\r\n";
      piece += "\r\n";
    }
    state_->write(std::move(before), std::move(piece), Then::more, bytes, std::move(done));
  }
  static std::string hexadecimal(std::size_t number) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    return {digits.data(), end};
  }

  std::shared_ptr<HttpResponder::State> state_;
  std::string head_;  // until it is sent
  std::unique_ptr<HttpCompressor> compressor_;
};

// A body that is asked for: a step makes one piece on a worker, and is pushed again once the piece
// is written.
class PulledBody : public std::enable_shared_from_this<PulledBody> {
 public:
  PulledBody(OpenBody body, std::function<std::optional<std::string>()> next)
      : body_(std::move(body)), next_(std::move(next)) {}

  void continue_on_worker() {
    WorkerPool& workers = *body_.state().workers;
    workers.push([self = shared_from_this()] { self->step(); });
  }

 private:
  void step() {
    std::optional<std::string> piece;
    try {
      piece = next_();
    } catch (const std::exception& error) {
      body_.state().report(std::string("making a piece of an answer failed: ") + error.what());
    } catch (...) {
      body_.state().report("making a piece of an answer failed");
    }
    if (!piece) {
      body_.break_off();
    } else if (piece->empty()) {
      body_.end();
    } else {
      body_.write(std::move(*piece), [self = shared_from_this()](bool written) {
        if (written) return self->continue_on_worker();
        // What `next` holds may take its time to go: not on an I/O thread.
        self->body_.state().workers->push([self] { self->next_ = nullptr; });
      });
    }
  }

  OpenBody body_;
  std::function<std::optional<std::string>()> next_;
};

}  // namespace

HttpResponder::State::~State() {
  if (status == 0 || !options->on_answered) return;
  options->on_answered({.request_id = wishes.request_id,
                        .method = method,
                        .path = path,
                        .route = route.get(),
                        .status = status,
                        .bytes = bytes_sent,
                        .whole = whole,
                        .duration = std::chrono::steady_clock::now() - arrived,
                        .client = client,
                        .token = token});
}

void HttpResponder::State::write(std::string head, std::string body, Then then, std::size_t bytes,
                                 std::function<void(bool)> done) {
  bytes_sent += bytes;
  connections->write(number, std::move(head), std::move(body), then,
                     [self = shared_from_this(), done = std::move(done)](bool written) {
                       if (!written) self->whole = false;
                       if (done) done(written);
                     });
}

void HttpResponder::State::answer(HttpResponse response) {
  const auto form = http::negotiate(response, http::Body::whole, wishes, *options);
  status = response.status;
  if (form != http::Form::gzip) return write_whole(std::move(response), form);
  const auto plain = std::make_shared<HttpResponse>(std::move(response));
  const auto compress = [self = shared_from_this(), plain] {
    plain->body = self->options->gzip()->finish(plain->body);
    self->write_whole(std::move(*plain), http::Form::gzip);
  };
  const bool may_block = route && route->runs != HttpRoute::Runs::on_io_thread;
  if (may_block || !workers->try_push(compress)) compress();
}

void HttpResponder::State::write_whole(HttpResponse response, http::Form form) {
  const bool bodiless = form == http::Form::none;
  const std::string length = "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  std::string head = http::response_head(response, bodiless ? std::string_view() : length,
                                         keeps_alive(), chunks_understood);
  if (head_only || bodiless) response.body.clear();
  const std::size_t bytes = response.body.size();
  write(std::move(head), std::move(response.body), after_answer(), bytes);
}

HttpResponder::HttpResponder(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpResponder::HttpResponder(HttpResponder&&) noexcept = default;

HttpResponder& HttpResponder::operator=(HttpResponder&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

HttpResponder::~HttpResponder() {
  if (state_) state_->answer(problem(500, "the request was not answered"));
}

void HttpResponder::respond(HttpResponse response) {
  const auto state = std::exchange(state_, nullptr);
  CHECK(state != nullptr);
  state->answer(std::move(response));
}

void HttpResponder::stream(const HttpResponse& head,
                           std::function<std::optional<std::string>()> next) {
  OpenBody body(std::exchange(state_, nullptr));
  if (body.begin(head, http::Body::pieces))
    std::make_shared<PulledBody>(std::move(body), std::move(next))->continue_on_worker();
}

// What is sent while something is being written waits, and goes out as one piece after it.
struct HttpFeed::State : std::enable_shared_from_this<HttpFeed::State> {
  State(OpenBody open_body, std::size_t bytes_max, bool open)
      : body(std::move(open_body)), waiting_max(bytes_max), writing(open), ended(!open) {}

  // With the head, so that the client knows it is heard.
  void begin() { write({}); }

  bool send(std::string_view piece) {
    const bool admitted = look_at_token();
    bool fits = false;
    {
      const MutexLock lock(mutex);
      if (ended) return false;
      fits = admitted && waiting.size() + piece.size() <= waiting_max;
      if (fits) {
        waiting += piece;
        if (std::exchange(writing, true)) return true;
      } else {
        give_up();
      }
    }
    if (!fits) {
      body.cut();
      return false;
    }
    write_what_waits();
    const MutexLock lock(mutex);
    return !ended;
  }

  void end() {
    {
      const MutexLock lock(mutex);
      if (std::exchange(ended, true)) return;
      ends_behind = true;
      if (std::exchange(writing, true)) return;
    }
    body.end();
  }

  OpenBody body;  // whoever has set `writing` calls what writes
  const std::size_t waiting_max;
  Mutex mutex;
  std::string waiting TRIBUTARY_GUARDED_BY(mutex);
  bool writing TRIBUTARY_GUARDED_BY(mutex);
  bool ended TRIBUTARY_GUARDED_BY(mutex);
  bool ends_behind TRIBUTARY_GUARDED_BY(mutex) = false;  // the body, behind what waits
  std::chrono::steady_clock::time_point looked_at = std::chrono::steady_clock::now();  // send()

 private:
  // Now and then.
  bool look_at_token() {
    const auto now = std::chrono::steady_clock::now();
    if (now - looked_at < kTokenLook) return true;
    looked_at = now;
    return body.state().admitted();
  }

  void write_what_waits() {
    std::string piece;
    {
      const MutexLock lock(mutex);
      piece = std::exchange(waiting, {});
      if (piece.empty() && !ends_behind) {
        writing = false;
        return;
      }
    }
    if (piece.empty()) return body.end();
    write(std::move(piece));
  }

  void write(std::string piece) {
    body.write(std::move(piece), [self = shared_from_this()](bool written) {
      if (written) return self->write_what_waits();
      const MutexLock lock(self->mutex);
      self->give_up();
    });
  }

  void give_up() TRIBUTARY_REQUIRES(mutex) {
    ended = true;
    ends_behind = false;
    waiting = {};
  }
};

HttpFeed HttpResponder::feed(const HttpResponse& head, std::size_t waiting_max) {
  state_->connections->mark_endless(state_->number);
  OpenBody body(std::exchange(state_, nullptr));
  const bool open = body.begin(head, http::Body::feed);
  auto state = std::make_shared<HttpFeed::State>(std::move(body), waiting_max, open);
  if (open) state->begin();
  return HttpFeed(std::move(state));
}

HttpFeed::HttpFeed(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpFeed::HttpFeed(HttpFeed&&) noexcept = default;

HttpFeed& HttpFeed::operator=(HttpFeed&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

HttpFeed::~HttpFeed() {
  if (state_) state_->end();
}

bool HttpFeed::send(std::string_view piece) { return state_->send(piece); }

}  // namespace tributary
