#pragma once

// Internal to shared/http.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "shared/http/connections.h"
#include "shared/http/negotiation.h"
#include "shared/http/server.h"
#include "shared/http/tokens.h"
#include "shared/http/worker_pool.h"

namespace tributary {

// What it takes to answer one request. It may outlive the server: then nobody is answered. It lives
// until the last byte is written, and tells at its end what became of the request.
struct HttpResponder::State : std::enable_shared_from_this<HttpResponder::State> {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  std::shared_ptr<const HttpServerOptions> options;
  std::shared_ptr<http::Connections> connections;
  std::shared_ptr<WorkerPool> workers;
  std::shared_ptr<const HttpRoute> route;  // null: none was found
  http::Wishes wishes;
  std::chrono::steady_clock::time_point arrived = std::chrono::steady_clock::now();
  std::string method;
  std::string path;
  std::string client;
  std::string token;
  std::string authorization;  // the header, where the server asks for tokens
  std::uint64_t number = 0;
  bool head_only = false;
  bool chunks_understood = true;
  bool keep_alive = true;
  http::BodyClaim claim;

  [[nodiscard]] bool keeps_alive() const { return keep_alive && !connections->draining(); }
  [[nodiscard]] http::Then after_answer() const {
    return keeps_alive() ? http::Then::keep_alive : http::Then::close;
  }
  void answer(HttpResponse response);
  // A part of the answer, `bytes` of it body. The last one keeps this alive until it is written.
  void write(std::string head, std::string body, http::Then then, std::size_t bytes,
             std::function<void(bool)> done = {});
  // Whether the request's token is still good: a long answer may outlive it.
  [[nodiscard]] bool admitted() const {
    return !options->tokens || !route || route->scope.empty() ||
           options->tokens->check(authorization, route->scope).verdict == Tokens::Verdict::granted;
  }
  void report(std::string_view what) const {
    if (options->on_error) options->on_error(what);
  }

  int status = 0;  // of the answer; 0: there is none yet
  std::uint64_t bytes_sent = 0;
  std::atomic<bool> whole{true};

 private:
  void write_whole(HttpResponse response, http::Form form);
};

}  // namespace tributary
