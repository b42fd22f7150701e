#include "tests/integration/mongodb_fixture.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

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

}  // namespace tributary::collector
