#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "collector/api/query.h"
#include "tests/unit/http/client.h"

namespace tributary::collector {

// A server that answers GET /data for some pipelines.
class QueryServer {
 public:
  Pipeline& add(std::string name, Schema schema, std::unique_ptr<Store> store) {
    return pipelines_.emplace_back(Pipeline{.config = {.name = std::move(name),
                                                       .schema = std::move(schema),
                                                       .topic = {},
                                                       .group = {},
                                                       .table = {}},
                                            .stream = nullptr,
                                            .store = std::move(store)});
  }

  // The answer to GET `target`; the server starts with the first one.
  test::Reply get(const std::string& target, const std::string& headers = {}) {
    start();
    test::Client client(server_->addresses().front());
    return client.request("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
  }
  std::unique_ptr<test::Client> connect() {
    start();
    return std::make_unique<test::Client>(server_->addresses().front());
  }

 private:
  void start();

  std::deque<Pipeline> pipelines_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace tributary::collector
