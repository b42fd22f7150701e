// GET /data over a store that does what a test says: failures, and what a stream asks of the store.

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <mutex>

#include "tests/contract/store_verbs.h"
#include "tests/unit/collector/query_fixture.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;

// Answers each query with the function it was made with; keeps the queries.
class ScriptedStore final : public Store {
 public:
  using Script = std::function<Result<Page>(const Query&, std::size_t number)>;
  explicit ScriptedStore(Script script) : script_(std::move(script)) {}

  std::vector<Outcome> write(std::span<const Event> /*events*/) override { return {}; }
  Result<Page> query(const Query& query) override {
    const std::lock_guard lock(mutex_);
    queries_.push_back(query);
    return script_(query, queries_.size() - 1);
  }
  Result<Buckets> aggregate(const AggregateQuery& /*query*/) override { return Buckets{}; }
  Result<SeriesPage> series(const SeriesQuery& /*query*/) override { return SeriesPage{}; }
  HealthCheck health() const override { return {}; }

  std::vector<Query> queries() {
    const std::lock_guard lock(mutex_);
    return queries_;
  }

 private:
  Script script_;
  std::mutex mutex_;
  std::vector<Query> queries_;
};

struct Fixture {
  QueryServer server;

  ScriptedStore& use(ScriptedStore::Script script) {
    auto store = std::make_unique<ScriptedStore>(std::move(script));
    auto& made = *store;
    server.add("telemetry", built_in("telemetry"), std::move(store));
    return made;
  }
};

Keyset place(std::size_t number) {
  return {.time = {.seconds = static_cast<std::int64_t>(number), .nanoseconds = 0}, .key = "key"};
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a store that is down is a 503 that says when to come again") {
  use([](const Query&, std::size_t) -> Result<Page> {
    return fail(errc::unavailable, "the disk is gone");
  });
  const auto* const target = GENERATE("/data", "/data?format=ndjson");
  const auto reply = server.get(target);
  REQUIRE(reply.status == 503);
  REQUIRE(reply.headers.at("content-type") == "application/problem+json");
  REQUIRE(reply.headers.contains("retry-after"));
  REQUIRE_THAT(reply.body, Catch::Contains("the disk is gone"));
}

TEST_CASE_METHOD(Fixture, "a store that fails in mid-stream breaks the body off") {
  use([](const Query&, std::size_t number) -> Result<Page> {
    if (number == 2) return fail(errc::unavailable, "the disk is gone");
    return Page{.events = {"{\"n\":" + std::to_string(number) + "}"}, .next = place(number)};
  });
  const auto reply = server.get("/data?format=ndjson");
  REQUIRE(reply.status == 200);
  REQUIRE(reply.body == "{\"n\":0}\n{\"n\":1}\n");
  REQUIRE_FALSE(reply.whole);
}

TEST_CASE_METHOD(Fixture, "a stream asks for page after page, no more than its limit") {
  auto& store = use([](const Query& query, std::size_t number) -> Result<Page> {
    return Page{.events = std::vector<std::string>(query.limit, "{}"), .next = place(number)};
  });
  const auto reply = server.get("/data?format=ndjson&limit=2500&order=desc&sensor_id=a");
  REQUIRE(reply.whole);
  REQUIRE(reply.body.size() == 2'500 * 3);
  const auto queries = store.queries();
  REQUIRE(queries.size() == 3);
  REQUIRE(queries[0].limit == 1'000);
  REQUIRE(queries[2].limit == 500);
  REQUIRE_FALSE(queries[0].after);
  REQUIRE(queries[1].after == place(0));
  REQUIRE(queries[2].after == place(1));
  for (const auto& query : queries) {
    REQUIRE(query.descending);
    REQUIRE(query.filters.size() == 1);
  }
}

TEST_CASE_METHOD(Fixture, "a stream stays in constant memory while its reader is slow") {
  auto& store = use([](const Query&, std::size_t number) -> Result<Page> {
    return Page{.events = {"\"" + std::string(1'000'000, 'x') + "\""}, .next = place(number)};
  });
  {
    const auto client = server.connect();
    client->shrink_receive_buffer();
    REQUIRE(client->send("GET /data?format=ndjson HTTP/1.1\r\nHost: x\r\n\r\n"));
    REQUIRE_FALSE(client->receive(1'000).empty());
    // The kernel's buffers hold some megabytes; nothing else may.
    REQUIRE(store.queries().size() < 20);
  }
}

TEST_CASE_METHOD(Fixture, "the body holds the store's texts as they are") {
  use([](const Query&, std::size_t) -> Result<Page> {
    return Page{.events = {R"({"a":1.50})", R"({"a":"\u0001"})"}, .next = place(7)};
  });
  REQUIRE(server.get("/data").body == R"({"data":[{"a":1.50},{"a":"\u0001"}],"next":")" +
                                          place(7).text("telemetry asc") + "\"}");
}

TEST_CASE_METHOD(Fixture, "a cursor reaches the store as the place it names") {
  auto& store = use([](const Query&, std::size_t) -> Result<Page> { return Page{}; });
  REQUIRE(server.get("/data?cursor=" + place(3).text("telemetry asc")).body ==
          R"({"data":[],"next":null})");
  REQUIRE(store.queries().at(0).after == place(3));
  REQUIRE(store.queries().at(0).limit == 100);
}

}  // namespace tributary::collector
