#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/result.h"

namespace tributary {

struct HttpRequest {
  std::string method;
  std::string path;                                        // decoded, without the query
  std::map<std::string, std::string, std::less<>> captured;  // of the route's pattern: {"pipeline": "telemetry"}
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  std::string body;

  // The first of that name; nothing when there is none.
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
  // A header's value, the name in any case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;

  std::vector<std::pair<std::string, std::string>> headers;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Answers one request, from any thread, once. Dropped unanswered, it answers 500 by itself.
class HttpResponder {
 public:
  struct State;
  explicit HttpResponder(std::shared_ptr<State> state);
  HttpResponder(HttpResponder&&) noexcept;
  HttpResponder& operator=(HttpResponder&&) noexcept;
  ~HttpResponder();

  void respond(HttpResponse response);

  // Answers with a body that is made piece by piece (chunked): `next` is called for the next piece
  // whenever the connection can take more, on a worker thread of the server, never twice at once; an
  // empty piece ends the body, no value breaks the connection off (the client must see that the body
  // is not whole). Memory holds two pieces at most, whatever the length and however slow the reader.
  void stream(int status, std::string content_type, std::function<std::optional<std::string>()> next);

 private:
  std::shared_ptr<State> state_;
};

// Called on one of the server's I/O threads: it must not block, but hand the responder on.
using HttpHandler = std::function<void(HttpRequest, HttpResponder)>;

struct HttpServerOptions {
  std::vector<std::string> listen;  // "127.0.0.1:8000", "[::1]:8000"; port 0: any free one
  std::size_t threads = 1;
  std::size_t workers = 2;          // threads for blocking handlers and streams
  std::size_t body_size_max = 8U << 20;           // more: 413
  std::size_t header_size_max = 16U << 10;        // of one name or value, and of the URL
  std::size_t connections_max = 1000;
  std::chrono::milliseconds idle_timeout{60'000};      // between two requests, and to send one
  std::chrono::milliseconds handle_timeout{300'000};   // from a request to the start of its answer
};

// An HTTP/1.1 server (RESTinio and Asio inside): one router, served on every address. Errors that
// it answers by itself (404, 405 with Allow, 413, 500) are RFC 9457 problems. HEAD is answered by
// the GET route, without the body.
class HttpServer {
 public:
  explicit HttpServer(HttpServerOptions options);
  ~HttpServer();  // stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // "/ingest/{pipeline}": a part in braces matches one segment. Before start() only.
  void route(std::string method, std::string pattern, HttpHandler handler);
  // The same for a handler that may block: it runs on a worker thread.
  void blocking_route(std::string method, std::string pattern, std::function<HttpResponse(HttpRequest)> handler);
  void blocking_route(std::string method, std::string pattern, HttpHandler handler);

  // Listens on every address or on none. Errors say the address and what to do ("127.0.0.1:8000 is
  // in use by another program: choose another with http.listen").
  Result<void> start();
  // The addresses listened on, with their real ports.
  [[nodiscard]] std::vector<std::string> addresses() const;
  // No new connections; waits up to `time` for answers under way. Idempotent.
  void stop(std::chrono::milliseconds time = std::chrono::seconds(5));

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary
