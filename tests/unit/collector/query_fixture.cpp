#include "tests/unit/collector/query_fixture.h"

#include <catch2/catch.hpp>

namespace tributary::collector {

void QueryServer::start() {
  if (server_) return;
  HttpServerOptions options;
  options.listen = {"127.0.0.1:0"};
  server_ = std::make_unique<HttpServer>(std::move(options));
  std::vector<Pipeline*> all;
  for (auto& pipeline : pipelines_) all.push_back(&pipeline);
  register_queries(*server_, all);
  const auto started = server_->start();
  if (!started) FAIL(started.error().message());
}

}  // namespace tributary::collector
