// The collection and its indexes: made when they are missing, looked at when they aren't.

#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/contract/store_verbs.h"
#include "tests/integration/mongodb_fixture.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using enum Outcome::Verdict;
using nlohmann::json;

struct Fixture : MongodbFixture {
  // name → key, with "unique" where it is.
  std::map<std::string, json> indexes() {
    std::map<std::string, json> found;
    const auto reply = database.run(R"({"listIndexes": "events"})");
    for (const auto& index : reply.at("cursor").at("firstBatch")) {
      auto& entry = found[index.at("name").get<std::string>()] = index.at("key");
      if (index.value("unique", false)) entry["unique"] = true;
    }
    return found;
  }
  // What is there keeps the store down, and says why; nothing is written.
  void require_refused(const std::string& why) {
    const auto outcome = write_one(*store, reading("a", "2026-01-21T10:00:00Z"));
    REQUIRE(outcome.verdict == retry);
    REQUIRE_THAT(outcome.detail, Catch::Contains(why));
    REQUIRE_THAT(outcome.detail, Catch::Contains(database.name()));
    REQUIRE_THAT(problem(), Catch::Contains(why));
    const auto page = store->query({});
    REQUIRE_FALSE(page);
    REQUIRE(page.error() == errc::unavailable);
    REQUIRE_THAT(page.error().message(), Catch::Contains(why));
  }
  void require_works() {
    REQUIRE(write_one(*store, reading("a", "2026-01-21T10:00:00Z")).verdict == stored);
    REQUIRE(store->health().up);
    REQUIRE(page_of(*store, {}).events.size() == 1);
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "the first write makes the indexes, the unique one on the key") {
  store->write({});
  const auto found = indexes();
  REQUIRE(found.at("tributary_key") ==
          json{{"sensor_id", 1}, {"timestamp", 1}, {"timestamp_ns", 1}, {"unique", true}});
  REQUIRE(found.at("tributary_time") ==
          json{{"timestamp", 1}, {"timestamp_ns", 1}, {"sensor_id", 1}});
  REQUIRE(found.size() == 3);  // and that of `_id`
}

TEST_CASE_METHOD(Fixture, "a click's key is its id, and its series has an index too") {
  schema = built_in("clickstream");
  open();
  store->write({});
  const auto found = indexes();
  REQUIRE(found.at("tributary_key") == json{{"event_id", 1}, {"unique", true}});
  REQUIRE(found.at("tributary_time") ==
          json{{"event_time", 1}, {"event_time_ns", 1}, {"event_id", 1}});
  REQUIRE(found.at("tributary_series") ==
          json{{"user_id", 1}, {"event_time", 1}, {"event_time_ns", 1}, {"event_id", 1}});
}

TEST_CASE_METHOD(Fixture, "an index that somebody else made serves, whatever its name") {
  create_index(R"({"key": {"sensor_id": 1, "timestamp": 1, "timestamp_ns": 1}, "unique": true,
                   "name": "theirs"})");
  require_works();
  REQUIRE(indexes().contains("theirs"));
  REQUIRE_FALSE(indexes().contains("tributary_key"));
  REQUIRE(write_one(*store, reading("a", "2026-01-21T10:00:00Z")).verdict == duplicate);
}

TEST_CASE_METHOD(Fixture,
                 "an index of our name or fields that is another one is told, and mended") {
  const auto* const wrong = GENERATE(
      R"({"key": {"sensor_id": 1, "timestamp": 1, "timestamp_ns": 1}, "name": "x"})",
      R"({"key": {"sensor_id": 1}, "name": "x", "unique": true, "_": "tributary_key"})",
      R"({"key": {"sensor_id": 1, "timestamp": 1, "timestamp_ns": 1}, "name": "x", "unique": true,
          "sparse": true})",
      R"({"key": {"sensor_id": 1, "timestamp": 1, "timestamp_ns": 1}, "name": "x", "unique": true,
          "partialFilterExpression": {"humidity": {"$gt": 5}}})",
      R"({"key": {"sensor_id": 1, "timestamp": 1, "timestamp_ns": 1}, "name": "x", "unique": true,
          "collation": {"locale": "en", "strength": 1}})",
      R"({"key": {"sensor_id": 1, "timestamp": 1, "timestamp_ns": 1}, "name": "x", "unique": true,
          "hidden": true})",
      R"({"key": {"timestamp": 1, "timestamp_ns": 1, "sensor_id": 1}, "name": "x", "sparse": true})",
      R"({"key": {"timestamp": 1}, "name": "x", "expireAfterSeconds": 60, "_": "tributary_time"})");
  auto specification = json::parse(wrong);
  if (specification.contains("_")) {
    specification["name"] = specification["_"];
    specification.erase("_");
  }
  const auto name = specification.at("name").get<std::string>();
  CAPTURE(specification.dump());
  create_index(specification.dump());
  require_refused("dropIndex(\"" + name + "\")");

  database.run(R"({"dropIndexes": "events", "index": ")" + name + "\"}");
  require_works();
}

TEST_CASE_METHOD(Fixture, "documents with one key keep the unique index from being made") {
  for (int n = 0; n < 2; ++n) {
    database.run(R"({"insert": "events", "documents": [{"sensor_id": "a",
                     "timestamp": {"$date": "2026-01-21T10:00:00Z"}, "timestamp_ns": 0}]})");
  }
  require_refused("has several documents with one key");
  database.run(R"({"delete": "events", "deletes": [{"q": {}, "limit": 0}]})");
  require_works();
}

TEST_CASE_METHOD(Fixture, "what can't hold one event for each key is no place for events") {
  const auto [options, why] = GENERATE(table<std::string, std::string>(
      {{R"(, "viewOn": "other", "pipeline": [])", "is a view"},
       {R"(, "capped": true, "size": 100000)", "is capped"},
       {R"(, "timeseries": {"timeField": "timestamp"})", "is a timeseries"},
       {R"(, "collation": {"locale": "en"})", "has a collation"}}));
  create(options);
  require_refused(why);
  database.run(R"({"drop": "events"})");
  require_works();
}

TEST_CASE_METHOD(Fixture, "a query makes the indexes of a collection that has none") {
  create("");
  REQUIRE(page_of(*store, {}).events.empty());
  REQUIRE(indexes().contains("tributary_time"));
}

TEST_CASE_METHOD(Fixture, "a query of a collection that isn't there has no events and makes none") {
  REQUIRE(page_of(*store, {}).events.empty());
  REQUIRE(buckets_of(*store, {}).buckets.empty());
  REQUIRE(series_of(*store, {}).series.empty());
  REQUIRE_THROWS(indexes());
}

TEST_CASE_METHOD(Fixture, "a query goes on when its index was dropped and made again") {
  require_works();
  const auto drop = [this] { database.run(R"({"dropIndexes": "events", "index": "*"})"); };
  drop();
  REQUIRE(page_of(*store, {}).events.size() == 1);
  REQUIRE(indexes().contains("tributary_time"));
  drop();
  REQUIRE(buckets_of(*store, {}).buckets.size() == 1);
  REQUIRE(indexes().contains("tributary_time"));
  drop();
  REQUIRE(series_of(*store, {}).series.size() == 1);
  REQUIRE(indexes().contains("tributary_time"));
}

TEST_CASE_METHOD(Fixture, "a schema whose key MongoDB can't index is refused at once") {
  const auto* const field = GENERATE("a.b", "$a", "");
  const auto other = custom_schema("{\"" + std::string(field) + R"(":{"type":"string"}})",
                                   R"({"key":[")" + std::string(field) + "\"]}");
  const auto refused =
      open_mongodb_store({.uri = database.uri(), .user = {}, .password = {}}, other);
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error() == errc::invalid_argument);
  REQUIRE_THAT(refused.error().message(), Catch::Contains("can't index"));
}

}  // namespace tributary::collector
