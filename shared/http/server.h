#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/result.h"
#include "shared/http/route.h"

namespace tributary {

class Tokens;

struct HttpRequest {
  std::string method;
  std::string path;  // decoded, without the query
  // Of the route's pattern: {"pipeline": "telemetry"}.
  std::map<std::string, std::string, std::less<>> captured;
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string id{};      // what the access log calls it, too
  std::string client{};  // its address, without the port
  std::string token{};   // the name of the token that let it in; empty: none was asked for

  // The first of that name; nothing when there is none.
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
  // A header's value, the name in any case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
};

// A body that is given piece by piece as things happen, say server-sent events. From any thread,
// one at a time; destroyed, it ends the body. The server closes a connection to which nothing is
// sent for `handle_timeout`: send a comment now and then, which also tells whether the client is
// there.
class HttpFeed {
 public:
  struct State;
  explicit HttpFeed(std::shared_ptr<State> state);
  HttpFeed(HttpFeed&&) noexcept;
  HttpFeed& operator=(HttpFeed&&) noexcept;
  ~HttpFeed();

  // Never waits. False when the client is gone, or reads so slowly that more than the feed's limit
  // would wait for it, or its token is good no more: then its connection ends at once.
  bool send(std::string_view piece);

 private:
  std::shared_ptr<State> state_;
};

// Answers one request, from any thread, once. Dropped unanswered, it answers 500 by itself. It may
// outlive the server: nobody is answered then.
class HttpResponder {
 public:
  struct State;
  explicit HttpResponder(std::shared_ptr<State> state);
  HttpResponder(HttpResponder&&) noexcept;
  HttpResponder& operator=(HttpResponder&&) noexcept;
  ~HttpResponder();

  void respond(HttpResponse response);

  // Answers with a body that is made piece by piece (chunked; to HTTP/1.0 up to the end of the
  // connection): `next` is called for the next piece whenever the connection can take more, on a
  // worker thread of the server, never twice at once; an empty piece ends the body, no value breaks
  // the connection off (the client sees that the body is not whole; it gets a 500 when nothing was
  // sent). Memory holds two pieces at most, whatever the length and however slow the reader. `next`
  // is destroyed when the body has ended or the client is found to be gone. The body of `head` is
  // not used.
  void stream(const HttpResponse& head, std::function<std::optional<std::string>()> next);
  void stream(int status, std::string content_type,
              std::function<std::optional<std::string>()> next) {
    stream(HttpResponse{status, std::move(content_type), {}, {}}, std::move(next));
  }

  // Answers with a body that the caller gives as it comes; at most `waiting_max` bytes wait for the
  // reader, behind as many that are being written.
  HttpFeed feed(const HttpResponse& head, std::size_t waiting_max);

 private:
  std::shared_ptr<State> state_;
};

using HttpHandler = std::function<void(HttpRequest, HttpResponder)>;

// Makes a body smaller, piece by piece. One thread at a time.
class HttpCompressor {
 public:
  virtual ~HttpCompressor() = default;
  // All that was added so far can be read from what was returned so far.
  virtual std::string add(std::string_view piece) = 0;
  // The last piece.
  virtual std::string finish(std::string_view piece) = 0;
};

// What became of one request. The texts are good until the callback returns.
struct HttpAnswered {
  std::string_view request_id;
  std::string_view method;
  std::string_view path;             // decoded, without the query, which may hold what is private
  const HttpRoute* route = nullptr;  // null: of no route
  int status = 0;
  std::uint64_t bytes = 0;              // of the body, as it was sent
  bool whole = true;                    // false: broken off, by us or by the client
  std::chrono::nanoseconds duration{};  // from the whole request to the end of its answer
  std::string_view client;              // its address
  std::string_view token;               // the name of its token; empty: none
};

// Why a client has got no further than to the server's door.
enum class HttpRefusal { too_many_connections, unreadable };

// Who can reach an address that a server listens on ("127.0.0.1:8000", "[::1]:8000"); nothing for
// what is no such address.
enum class Reach { this_machine, others_too };
std::optional<Reach> reach_of(std::string_view listen_address);

struct HttpServerOptions {
  std::vector<std::string> listen;  // "127.0.0.1:8000", "[::1]:8000"; port 0: any free one
  std::size_t threads = 1;
  std::size_t workers = 2;                   // threads for blocking handlers and streams, of a lane
  std::size_t body_size_max = 8U << 20;      // more: 413
  std::size_t bodies_size_max = 256U << 20;  // of all requests under way; more: 503
  std::size_t header_size_max = 16U << 10;   // of one name or value, and of the URL
  std::size_t connections_max = 1000;        // on all addresses together; more: 503
  // Between two requests, to send one, and to take 256 KiB of an answer.
  std::chrono::milliseconds idle_timeout{60'000};
  // From a request to the start of its answer, and between two pieces of it.
  std::chrono::milliseconds handle_timeout{300'000};
  // A request that has waited so long for a worker is begun only if its client hasn't closed. (Not
  // at once: one that only says that it sends no more looks the same.)
  std::chrono::milliseconds begin_without_look{1'000};
  // Who may call the routes that have a scope; null: everyone. The file is looked at each second.
  std::shared_ptr<Tokens> tokens;
  // Compresses what clients want compressed, but no feed (shared/http/gzip.h); none: nothing is.
  std::function<std::unique_ptr<HttpCompressor>()> gzip;
  // Of the pages that browsers may let call, "*" for all (shared/http/cors.h); empty: of none.
  std::vector<std::string> cors_origins;

  // All from any thread, and must return soon. The first two also after the end of the server,
  // when a responder outlives it.
  // What went wrong on our side: a handler threw.
  std::function<void(std::string_view)> on_error;
  std::function<void(const HttpAnswered&)> on_answered;
  std::function<void(HttpRefusal)> on_refused;
};

// An HTTP/1.1 server (RESTinio and Asio inside): one router, served on every address. Errors that
// it answers by itself (400, 401, 403, 404, 405 with Allow, 413, 414, 431, 500, 503,
// 505) are RFC 9457 problems. HEAD is answered by the GET route, without the body. `Expect:
// 100-continue` is answered at once. A response's ETag that If-None-Match names makes it a 304.
// OPTIONS is answered where cors_origins has any, else it is a 405 like other methods without a
// route. What a request is called comes back in X-Request-Id.
class HttpServer {
 public:
  explicit HttpServer(HttpServerOptions options);
  ~HttpServer();  // stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Before start() only.
  void route(HttpRoute route, HttpHandler handler);
  // For a handler that answers at once.
  void route(HttpRoute route, std::function<HttpResponse(HttpRequest)> handler);
  // Before start(): workers that only the routes which choose them have (HttpRoute::lane), so that
  // handlers that hang stall no others.
  HttpLane add_lane();
  // All that there are, in the order in which they were added.
  [[nodiscard]] std::span<const HttpRoute> routes() const;

  // Listens on every address or on none. Errors say the address and what to do ("cannot listen on
  // 127.0.0.1:8000, which is in use by another program (choose another with http.listen)"); their
  // code is the system's (std::errc::address_in_use), or errc::invalid_argument. Once.
  Result<void> start();
  // The addresses listened on, with their real ports.
  [[nodiscard]] std::vector<std::string> addresses() const;
  // How many are open. Any thread.
  [[nodiscard]] std::size_t connections() const;
  // No new connections; waits up to `time` for answers under way (but not for the end of
  // a feed), and for a blocking handler that runs until it returns. Idempotent; not from a handler.
  void stop(std::chrono::milliseconds time = std::chrono::seconds(5));

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary
