#include "shared/http/server.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>
#include <mutex>
#include <thread>

#include "shared/base/check.h"
#include "shared/http/connections.h"
#include "shared/http/cors.h"
#include "shared/http/listen_address.h"
#include "shared/http/problem.h"
#include "shared/http/responder.h"
#include "shared/http/router.h"
#include "shared/http/tokens.h"
#include "shared/http/worker_pool.h"

namespace tributary {
namespace {

using asio::ip::tcp;

constexpr std::chrono::milliseconds kAcceptRetry{100};
constexpr std::size_t kWaitingPerWorker = 64;
constexpr std::chrono::seconds kTokensLook{1};

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? '[' + address + ']' : address) + ':' +
         std::to_string(endpoint.port());
}

Error cannot_listen(const std::string& address, const asio::error_code& ec) {
  std::string advice;
  if (ec == asio::error::address_in_use) {
    advice = ", which is in use by another program (choose another with http.listen)";
  } else if (ec.value() == EADDRNOTAVAIL) {
    advice = ", which is not an address of this machine (127.0.0.1 and 0.0.0.0 always are)";
  } else if (ec == asio::error::access_denied) {
    advice =
        " (ports below 1024 need the capability CAP_NET_BIND_SERVICE: choose one above with "
        "http.listen)";
  }
  return {std::error_code(ec.value(), std::generic_category()),
          "cannot listen on " + address + advice};
}

// The answer to a request that its token doesn't let in.
HttpResponse not_admitted(Tokens::Verdict verdict, const std::string& scope) {
  if (verdict == Tokens::Verdict::no_scope)
    return problem(403,
                   "this needs a token with the scope " + scope + ", which yours doesn't have");
  const bool wrong = verdict == Tokens::Verdict::wrong_token;
  auto response = problem(401, (wrong ? "this is no token of this server: a token with the scope "
                                      : "this needs a token with the scope ") +
                                   scope + " goes into the header, as Authorization: Bearer TOKEN");
  response.headers.emplace_back(
      "WWW-Authenticate",
      std::string(R"(Bearer realm="tributary")") + (wrong ? R"(, error="invalid_token")" : ""));
  return response;
}

// For a path with these methods; none: there is no such path.
HttpResponse no_route(std::string_view method, const std::string& allowed) {
  if (allowed.empty()) return problem(404, "there is nothing at this address");
  auto response = problem(405, std::string(method) + " is not possible here, but " + allowed);
  response.headers.emplace_back("Allow", allowed);
  return response;
}

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(HttpServerOptions options)
      : options_(std::make_shared<const HttpServerOptions>(std::move(options))) {}
  ~Impl() { stop(std::chrono::seconds(5)); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void route(HttpRoute route, HttpHandler handler) {
    CHECK(threads_.empty());
    router_.add(route.method, route.pattern);
    routes_->push_back(std::move(route));
    handlers_.push_back(std::move(handler));
  }
  HttpLane add_lane() {
    CHECK(threads_.empty());
    lanes_.emplace_back();
    return static_cast<HttpLane>(lanes_.size() - 1);
  }
  [[nodiscard]] std::span<const HttpRoute> routes() const { return *routes_; }
  Result<void> start();
  [[nodiscard]] std::vector<std::string> addresses() const;
  [[nodiscard]] std::size_t connections() const { return *connection_count_; }
  void stop(std::chrono::milliseconds time);

 private:
  // An address listened on; everything about it happens on its strand.
  struct Listener {
    explicit Listener(asio::io_context& context)
        : acceptor(asio::make_strand(context)), retry(acceptor.get_executor()) {}
    tcp::acceptor acceptor;
    asio::steady_timer retry;
    std::string address;
  };

  Result<void> listen(const std::string& address);
  void accept_next(Listener& listener);
  void admit(http::Socket socket);
  void handle(http::Arrived arrived);
  void call(std::size_t route, HttpRequest request, HttpResponder responder,
            const HttpResponder::State& state);
  void look_at_tokens();
  void run(const HttpHandler& handler, HttpRequest request, HttpResponder responder) const;
  void report(const std::string& what) const {
    if (options_->on_error) options_->on_error(what);
  }

  // What a responder needs is shared with it.
  const std::shared_ptr<const HttpServerOptions> options_;
  Router router_;
  const std::shared_ptr<std::vector<HttpRoute>> routes_ =
      std::make_shared<std::vector<HttpRoute>>();
  std::vector<HttpHandler> handlers_;  // of each route
  // What holds sockets is declared after the context, so that it goes before it.
  std::unique_ptr<asio::io_context> context_;
  std::optional<asio::steady_timer> tokens_timer_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::string> addresses_;
  std::shared_ptr<http::Connections> connections_;
  // The first is for routes without one; null before the start.
  std::vector<std::shared_ptr<WorkerPool>> lanes_ = std::vector<std::shared_ptr<WorkerPool>>(1);
  std::unique_ptr<WorkerPool> status_worker_;
  std::shared_ptr<std::atomic<std::size_t>> connection_count_ =
      std::make_shared<std::atomic<std::size_t>>(0);
  std::vector<std::jthread> threads_;
  std::once_flag stopped_;
};

Result<void> HttpServer::Impl::start() {
  CHECK(context_ == nullptr);
  context_ = std::make_unique<asio::io_context>();
  for (const auto& address : options_->listen) {
    if (auto listening = listen(address); !listening) {
      listeners_.clear();
      addresses_.clear();
      context_.reset();
      return listening;
    }
  }
  for (auto& lane : lanes_) {
    lane = std::make_shared<WorkerPool>(options_->workers, options_->workers * kWaitingPerWorker);
  }
  status_worker_ = std::make_unique<WorkerPool>(1, kWaitingPerWorker);
  connections_ = std::make_shared<http::Connections>(
      *context_, *options_,
      [this](http::Arrived arrived) {
        // Away from the connection's strand: RESTinio then reads on only after the answer.
        asio::post(*context_,
                   [this, arrived = std::move(arrived)]() mutable { handle(std::move(arrived)); });
      },
      [this](std::string_view method, std::string_view asked) {
        const auto target = RequestTarget::parse(asked);
        if (!target) return problem(400, target.error());
        return no_route(method, router_.find(method, target->segments).allowed);
      });
  if (options_->tokens) {
    tokens_timer_.emplace(*context_);
    look_at_tokens();
  }
  for (const auto& listener : listeners_) {
    asio::post(listener->acceptor.get_executor(),
               [this, &listener = *listener] { accept_next(listener); });
  }
  for (std::size_t i = 0; i < std::max<std::size_t>(options_->threads, 1); ++i) {
    threads_.emplace_back([this] {
      const auto work = asio::make_work_guard(*context_);
      context_->run();
    });
  }
  return {};
}

Result<void> HttpServer::Impl::listen(const std::string& address) {
  const auto endpoint = http::parse_listen_address(address);
  if (!endpoint) {
    return fail(errc::invalid_argument,
                "cannot listen on \"" + address +
                    "\", which is not an address: write it as 127.0.0.1:8000 or [::1]:8000");
  }
  auto listener = std::make_unique<Listener>(*context_);
  tcp::acceptor& acceptor = listener->acceptor;
  asio::error_code ec;
  if (acceptor.open(endpoint->protocol(), ec); ec)
    return std::unexpected(cannot_listen(address, ec));
  if (acceptor.set_option(tcp::acceptor::reuse_address(true), ec); ec)
    return std::unexpected(cannot_listen(address, ec));
  if (acceptor.bind(*endpoint, ec); ec) return std::unexpected(cannot_listen(address, ec));
  if (acceptor.listen(asio::socket_base::max_listen_connections, ec); ec) {
    return std::unexpected(cannot_listen(address, ec));
  }
  const auto actual = acceptor.local_endpoint(ec);
  if (ec) return std::unexpected(cannot_listen(address, ec));
  addresses_.push_back(text_of(actual));
  listener->address = addresses_.back();
  listeners_.push_back(std::move(listener));
  return {};
}

std::vector<std::string> HttpServer::Impl::addresses() const { return addresses_; }

// RESTinio's own acceptor isn't used: after an error of accept, such as too many open files, it
// never accepts again, and its limit of connections is one for each address.
void HttpServer::Impl::accept_next(Listener& listener) {
  const auto socket = std::make_shared<http::Socket>(*context_);
  listener.acceptor.async_accept(*socket, [this, &listener, socket](const asio::error_code& ec) {
    if (!listener.acceptor.is_open()) return;
    if (!ec) {
      admit(std::move(*socket));
      return accept_next(listener);
    }
    report("cannot accept connections on " + listener.address + " for now: " + ec.message());
    listener.retry.expires_after(kAcceptRetry);
    listener.retry.async_wait([this, &listener](const asio::error_code& stopped) {
      if (!stopped && listener.acceptor.is_open()) accept_next(listener);
    });
  });
}

void HttpServer::Impl::admit(http::Socket socket) {
  asio::error_code ec;
  const auto peer = socket.remote_endpoint(ec);
  if (ec) return;  // it has left already
  static_cast<void>(socket.set_option(tcp::no_delay(true), ec));
  if (++*connection_count_ > options_->connections_max) {
    --*connection_count_;
    if (options_->on_refused) options_->on_refused(HttpRefusal::too_many_connections);
    socket.refuse(http::whole_response(
        unavailable("this server has as many connections as it may have: try again in a moment")));
    socket.shutdown(tcp::socket::shutdown_send, ec);
    socket.close();
    return;
  }
  socket.take_seat(
      std::shared_ptr<void>(nullptr, [count = connection_count_](void*) { --*count; }));
  connections_->start(std::move(socket), peer);
}

void HttpServer::Impl::handle(http::Arrived arrived) {
  HttpRequest request;
  request.method = std::move(arrived.method);
  request.body = std::move(arrived.body);
  request.headers = std::move(arrived.headers);
  request.client = std::move(arrived.client);
  auto target = RequestTarget::parse(arrived.target);
  request.path =
      target ? std::move(target->path) : arrived.target.substr(0, arrived.target.find('?'));

  auto state = std::make_shared<HttpResponder::State>();
  state->options = options_;
  state->connections = connections_;
  state->workers = lanes_.front();
  state->wishes = http::Wishes::of(request, *options_);
  state->method = request.method;
  state->path = request.path;
  state->client = request.client;
  state->number = arrived.number;
  state->head_only = request.method == "HEAD";
  state->chunks_understood = arrived.chunks_understood;
  state->keep_alive = arrived.keep_alive;
  state->claim = std::move(arrived.claim);
  HttpResponder responder(state);
  if (!target) return responder.respond(problem(400, target.error()));

  auto match = router_.find(request.method, target->segments);
  const bool preflight = request.method == "OPTIONS" && !options_->cors_origins.empty();
  if (!match.route && preflight && !match.allowed.empty())
    return responder.respond(preflight_answer(match.allowed));
  if (!match.route) return responder.respond(no_route(request.method, match.allowed));
  const HttpRoute& route = (*routes_)[*match.route];
  state->route = std::shared_ptr<const HttpRoute>(routes_, &route);
  if (route.method != "GET" && !may_change(request, options_->cors_origins))
    return responder.respond(problem(
        403, "a page of " + std::string(*request.header("Origin")) +
                 " asks for this, which is none of this server's own: if it may, it belongs into "
                 "http.cors.origins"));
  if (options_->tokens && !route.scope.empty()) {
    state->authorization = request.header("Authorization").value_or("");
    auto [verdict, name] = options_->tokens->check(request.header("Authorization"), route.scope);
    request.token = state->token = std::move(name);
    if (verdict != Tokens::Verdict::granted)
      return responder.respond(not_admitted(verdict, route.scope));
  }
  request.captured = std::move(match.captured);
  request.query = std::move(target->query);
  request.id = state->wishes.request_id;
  if (route.lane) {
    const auto lane = route.lane(request);
    state->workers = lanes_.at(static_cast<std::size_t>(lane));
  }
  call(*match.route, std::move(request), std::move(responder), *state);
}

void HttpServer::Impl::call(std::size_t number, HttpRequest request, HttpResponder responder,
                            const HttpResponder::State& state) {
  const HttpHandler& handler = handlers_[number];
  const auto runs = (*routes_)[number].runs;
  if (runs == HttpRoute::Runs::on_io_thread)
    return run(handler, std::move(request), std::move(responder));

  const bool on_worker = runs == HttpRoute::Runs::on_worker;
  if (on_worker) connections_->watch(state.number);
  // A job that isn't taken stays here, and with it the responder, which owns `state`.
  auto shared = std::make_shared<HttpResponder>(std::move(responder));
  WorkerPool::Job job = [this, &handler, &state, shared, request = std::move(request)]() mutable {
    const auto waited = std::chrono::steady_clock::now() - state.arrived;
    if (waited < options_->begin_without_look || !connections_->has_left(state.number))
      return run(handler, std::move(request), std::move(*shared));
    shared->respond(problem(499, "the client did not wait for the answer"));
  };
  auto& workers = on_worker ? *state.workers : *status_worker_;
  if (!workers.try_push(std::move(job)))
    shared->respond(unavailable("too many requests are waiting: try again in a moment"));
}

// The disk may take its time: a worker looks.
void HttpServer::Impl::look_at_tokens() {
  tokens_timer_->expires_after(kTokensLook);
  tokens_timer_->async_wait([this](const asio::error_code& ec) {
    if (ec) return;
    status_worker_->try_push([this] {
      if (const auto refreshed = options_->tokens->refresh(); !refreshed)
        report(refreshed.error().message());
    });
    look_at_tokens();
  });
}

void HttpServer::Impl::run(const HttpHandler& handler, HttpRequest request,
                           HttpResponder responder) const {
  const std::string what = request.method + ' ' + request.path;
  try {
    handler(std::move(request), std::move(responder));
  } catch (const std::exception& error) {
    report(what + " failed: " + error.what());
  } catch (...) {
    report(what + " failed");
  }
}

void HttpServer::Impl::stop(std::chrono::milliseconds time) {
  if (context_ == nullptr) return;
  std::call_once(stopped_, [&] {
    connections_->drain();
    for (const auto& listener : listeners_) {
      std::promise<void> closed;
      asio::post(listener->acceptor.get_executor(), [&closed, &listener = *listener] {
        asio::error_code ignored;
        static_cast<void>(listener.acceptor.close(ignored));
        listener.retry.cancel();
        closed.set_value();
      });
      closed.get_future().wait();
    }
    connections_->wait_until_answered(time);
    context_->stop();
    threads_.clear();
    for (const auto& lane : lanes_) lane->stop();
    status_worker_->stop();
    connections_->close();
    tokens_timer_.reset();
    listeners_.clear();
    context_.reset();
  });
}

HttpServer::HttpServer(HttpServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpServer::~HttpServer() = default;

void HttpServer::route(HttpRoute route, HttpHandler handler) {
  impl_->route(std::move(route), std::move(handler));
}

void HttpServer::route(HttpRoute route, std::function<HttpResponse(HttpRequest)> handler) {
  impl_->route(std::move(route),
               [handler = std::move(handler)](HttpRequest request, HttpResponder responder) {
                 responder.respond(handler(std::move(request)));
               });
}

HttpLane HttpServer::add_lane() { return impl_->add_lane(); }
std::span<const HttpRoute> HttpServer::routes() const { return impl_->routes(); }

Result<void> HttpServer::start() { return impl_->start(); }
std::vector<std::string> HttpServer::addresses() const { return impl_->addresses(); }
std::size_t HttpServer::connections() const { return impl_->connections(); }
void HttpServer::stop(std::chrono::milliseconds time) { impl_->stop(time); }

}  // namespace tributary
