#include "tests/integration/postgresql_fixture.h"

#include <catch2/catch.hpp>

#include "tests/contract/store_verbs.h"

namespace tributary::collector {

PostgresqlFixture::PostgresqlFixture() : schema(store_verbs::built_in("telemetry")) { open(); }

void PostgresqlFixture::open(std::string_view options) {
  store.reset();
  auto opened =
      open_postgresql_store({.uri = database.uri(options), .user = {}, .password = {}}, schema);
  if (!opened) FAIL(opened.error().message());
  store = std::move(*opened);
}

std::size_t PostgresqlFixture::count(const std::string& where) {
  return std::stoul(database.run("SELECT count(*) FROM events WHERE " + where).at(0));
}

std::string PostgresqlFixture::problem() const {
  const auto health = store->health();
  REQUIRE_FALSE(health.up);
  return health.detail;
}

std::vector<Event> clicks(const Schema& schema, std::size_t count, std::string_view more) {
  std::vector<Event> events;
  for (std::size_t n = 0; n < count; ++n) {
    const auto digits = std::to_string(n);
    events.push_back(store_verbs::decode(
        schema, R"({"event_id":"6ba7b810-9dad-11d1-80b4-)" + std::string(12 - digits.size(), '0') +
                    digits + R"(","user_id":)" + digits + R"(,"event_type":"click","page":"/)" +
                    digits + R"(","event_time":"2026-01-21T10:00:00Z")" + std::string(more) + "}"));
  }
  return events;
}

}  // namespace tributary::collector
