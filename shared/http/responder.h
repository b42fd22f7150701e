#pragma once

// Internal to shared/http.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "shared/http/connections.h"
#include "shared/http/server.h"
#include "shared/http/worker_pool.h"

namespace tributary {

// What it takes to answer one request. It may outlive the server: then nobody is answered.
struct HttpResponder::State {
  std::shared_ptr<http::Connections> connections;
  std::shared_ptr<WorkerPool> workers;
  std::function<void(std::string_view)> on_error;
  std::uint64_t number = 0;
  bool head_only = false;
  bool chunks_understood = true;
  bool keep_alive = true;
  http::BodyClaim claim;

  [[nodiscard]] bool keeps_alive() const { return keep_alive && !connections->draining(); }
  [[nodiscard]] http::Then after_answer() const {
    return keeps_alive() ? http::Then::keep_alive : http::Then::close;
  }
  void answer(HttpResponse response) const;
  void report(std::string_view what) const {
    if (on_error) on_error(what);
  }
};

}  // namespace tributary
