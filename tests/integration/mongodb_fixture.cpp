#include "tests/integration/mongodb_fixture.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/contract/store_verbs.h"

namespace tributary::collector {

MongodbFixture::MongodbFixture() : schema(store_verbs::built_in("telemetry")) { open(); }

void MongodbFixture::open(std::string_view options) {
  store.reset();
  auto opened =
      open_mongodb_store({.uri = database.uri(options), .user = {}, .password = {}}, schema);
  if (!opened) FAIL(opened.error().message());
  store = std::move(*opened);
}

void MongodbFixture::create(std::string_view options) {
  database.run(R"({"create": "events")" + std::string(options) + "}");
}

void MongodbFixture::create_index(std::string_view specification) {
  database.run(R"({"createIndexes": "events", "indexes": [)" + std::string(specification) + "]}");
}

std::string MongodbFixture::problem() const {
  const auto health = store->health();
  REQUIRE_FALSE(health.up);
  return health.detail;
}

void wait_until(const std::function<bool()>& condition) {
  using namespace std::chrono_literals;
  const auto deadline = std::chrono::steady_clock::now() + 15s;
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace tributary::collector
