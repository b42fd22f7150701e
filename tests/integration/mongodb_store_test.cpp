// Documents as other programs find them, and events that the server refuses.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/contract/store_verbs.h"
#include "tests/integration/mongodb_fixture.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using enum Outcome::Verdict;
using nlohmann::json;

struct Fixture : MongodbFixture {
  // The one document there, without its `_id`.
  json document() {
    auto found = database.find("events");
    REQUIRE(found.size() == 1);
    found.front().erase("_id");
    return found.front();
  }
  std::size_t count(std::string_view filter) { return database.find("events", filter).size(); }
  std::int64_t inserts() {
    return database.run(R"({"serverStatus": 1})").at("opcounters").at("insert").get<std::int64_t>();
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a document has the members of its event, and its origin") {
  auto event = reading("a", "2026-01-21T10:00:00.123456789Z", R"(,"more":{"n":1,"x":0.5})");
  event.origin = {.received_at = time_of("2026-01-21T10:00:00.250999Z"),
                  .source = "mqtt",
                  .schema = schema.id(),
                  .edge = "gateway-7",
                  .log = *Id::parse("000102030405060708090a0b0c0d0eff"),
                  .sequence = {42}};
  store_one(*store, event);
  auto found = document();
  auto& meta = found.at("_tributary");
  REQUIRE(meta.at("hash").at("$binary").at("subType") == "00");
  meta.erase("hash");
  REQUIRE(
      found ==
      json{{"humidity", 40.5},
           {"location", {{"latitude", 1.0}, {"longitude", 2.0}}},
           {"more", {{"n", 1}, {"x", 0.5}}},
           {"sensor_id", "a"},
           {"temperature", 20.0},
           {"timestamp", {{"$date", "2026-01-21T10:00:00.123Z"}}},
           {"timestamp_ns", 456'789},
           {"_tributary",
            {{"received_at", {{"$date", "2026-01-21T10:00:00.250Z"}}},
             {"source", "mqtt"},
             {"schema", schema.id()},
             {"edge", "gateway-7"},
             {"log", {{"$binary", {{"base64", "AAECAwQFBgcICQoLDA0O/w=="}, {"subType", "00"}}}}},
             {"sequence", 42}}}});
}

TEST_CASE_METHOD(Fixture,
                 "a number that the schema declares is a double, an integer without it not") {
  store_one(*store, reading("a", "2026-01-21T10:00:00Z", R"(,"n":20,"list":[1,2.5])"));
  REQUIRE(count(R"({"$jsonSchema": {"properties": {
      "temperature": {"bsonType": "double"}, "timestamp_ns": {"bsonType": "int"},
      "location": {"properties": {"latitude": {"bsonType": "double"}}},
      "n": {"bsonType": "long"}, "list": {"items": {"bsonType": ["long", "double"]}}}}})") == 1);
}

TEST_CASE_METHOD(Fixture, "the values of a measurement are doubles, as far as these are exact") {
  schema = built_in("measurement");
  open();
  store_one(*store, decode(schema, R"({"sensor_id":"a","timestamp":"2026-01-21T10:00:00Z",
      "values":{"a":1,"b":9007199254740992,"c":9007199254740993,"d":-3}})"));
  REQUIRE(count(R"({"$jsonSchema": {"properties": {"values": {"properties": {
      "a": {"bsonType": "double"}, "b": {"bsonType": "double"},
      "c": {"bsonType": "long"}, "d": {"bsonType": "double"}}}}}})") == 1);
}

TEST_CASE_METHOD(Fixture, "a document without a hash is a conflict, and says that it isn't ours") {
  store->write({});
  database.run(R"({"insert": "events", "documents": [{"sensor_id": "a", "temperature": 20,
                   "timestamp": {"$date": "2026-01-21T10:00:00Z"}, "timestamp_ns": 0}]})");
  const auto outcome = write_one(*store, reading("a", "2026-01-21T10:00:00Z"));
  REQUIRE(outcome.verdict == conflict);
  REQUIRE(outcome.detail ==
          R"(the store has {"sensor_id":"a","timestamp":"2026-01-21T10:00:00Z"} in a document )"
          "without a hash, which Tributary didn't write");
}

TEST_CASE_METHOD(Fixture, "documents that are no events are passed over") {
  store_all(*store, readings("a", 3));
  database.run(
      R"({"insert": "events", "documents": [{"x": 1}, {"timestamp": "yesterday", "sensor_id": 1},
      {"timestamp": {"$date": "2026-01-21T10:00:01Z"}}, {"sensor_id": [1], "timestamp": {"$date": "2026-01-21T10:00:02Z"}},
      {"timestamp": {"$date": {"$numberLong": "9223372036854775807"}}, "sensor_id": "b"}]})");
  for (const bool descending : {false, true}) {
    REQUIRE(all_pages(*store, {.descending = descending, .limit = 1}).size() == 3);
  }
}

TEST_CASE_METHOD(Fixture, "series have the times of their events, whatever others keep there") {
  store_all(*store, readings("a", 3));
  store_all(*store, readings("c", 3));
  database.run(R"({"insert": "events", "documents": [{"x": 1}, {"sensor_id": "a"},
      {"sensor_id": "a", "timestamp": "yesterday"}, {"sensor_id": "b"}, {"sensor_id": 7},
      {"sensor_id": "b", "timestamp": true}]})");
  const auto all = all_series(*store, {.limit = 1});
  REQUIRE(ids_of(all) == std::vector<std::string>{"\"a\"", "\"c\""});
  REQUIRE(all.front().first == time_of("2026-01-21T10:00:00Z"));
  REQUIRE(all.front().last == time_of("2026-01-21T10:00:02Z"));
}

TEST_CASE_METHOD(Fixture, "a question that takes too long says how to ask for less") {
  store_all(*store, readings("a", 20'000));
  auto hasty = open_mongodb_store({.uri = database.uri(),
                                   .user = {},
                                   .password = {},
                                   .query_time = std::chrono::milliseconds(1)},
                                  schema);
  REQUIRE(hasty);
  const auto refused = (*hasty)->aggregate({.bucket = std::chrono::milliseconds(7)});
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error() == errc::timed_out);
  REQUIRE(refused.error().message() ==
          "the query took longer than 1 ms: narrow it with start and end, or by its series");
  REQUIRE_THAT((*hasty)->health().detail, !Catch::Contains("took longer"));
}

TEST_CASE_METHOD(Fixture, "what else others keep in a document comes out as extended JSON") {
  store_one(*store, reading("a", "2026-01-21T10:00:00Z"));
  database.run(R"({"update": "events", "updates": [{"q": {}, "u": {"$set": {
      "when": {"$date": "2026-01-21T10:00:00.5Z"}, "decimal": {"$numberDecimal": "1.5"},
      "nan": {"$numberDouble": "NaN"}, "b": {"$binary": {"base64": "AA==", "subType": "00"}}}}}]})");
  const auto event = json::parse(page_of(*store, {}).events.at(0));
  REQUIRE(event.at("when") == "2026-01-21T10:00:00.500Z");
  REQUIRE(event.at("decimal") == json{{"$numberDecimal", "1.5"}});
  REQUIRE(event.at("nan") == json{{"$numberDouble", "NaN"}});
  REQUIRE(event.at("b").at("$binary").at("base64") == "AA==");
}

TEST_CASE_METHOD(Fixture, "an event that another unique index refuses is rejected alone") {
  store->write({});
  create_index(R"({"key": {"n": 1}, "name": "theirs", "unique": true})");
  auto batch = readings("a", 5);
  batch.push_back(reading("b", "2026-01-21T10:00:00Z", R"(,"n":3)"));
  batch.push_back(reading("c", "2026-01-21T10:00:00Z", R"(,"n":7)"));
  const auto outcomes = store->write(batch);
  REQUIRE(verdicts(outcomes) ==
          std::vector{stored, stored, stored, stored, stored, rejected, stored});
  REQUIRE_THAT(outcomes[5].detail, Catch::Contains("theirs"));
  REQUIRE(store->health().up);
  REQUIRE(verdicts(store->write(batch)) ==
          std::vector{duplicate, duplicate, duplicate, duplicate, duplicate, rejected, duplicate});
}

TEST_CASE_METHOD(Fixture, "a duplicate is one, even if another unique index refuses it first") {
  create_index(R"({"key": {"n": 1}, "name": "theirs", "unique": true})");
  const auto event = reading("a", "2026-01-21T10:00:00Z", R"(,"n":1)");
  REQUIRE(write_one(*store, event).verdict == stored);
  REQUIRE(write_one(*store, event).verdict == duplicate);
}

TEST_CASE_METHOD(Fixture, "an event that the collection's validator refuses is rejected alone") {
  create(R"(, "validator": {"$jsonSchema": {"properties": {"temperature": {"maximum": 50}}}})");
  std::vector<Event> batch = readings("a", 700);
  batch.push_back(decode(schema, R"({"sensor_id":"hot","timestamp":"2026-01-21T10:00:00Z",
      "temperature":51,"humidity":1,"location":{"latitude":1,"longitude":1}})"));
  const auto outcomes = store->write(batch);
  for (std::size_t n = 0; n < 700; ++n) REQUIRE(outcomes[n].verdict == stored);
  REQUIRE(outcomes.back().verdict == rejected);
  REQUIRE_THAT(outcomes.back().detail, Catch::Contains("failed validation"));
  REQUIRE(store->health().up);
}

TEST_CASE_METHOD(Fixture, "an event that can't be in a geographic index is rejected alone") {
  store->write({});
  create_index(R"({"key": {"place": "2dsphere"}, "name": "place"})");
  auto batch = readings("a", 2);
  batch.push_back(reading("b", "2026-01-21T10:00:00Z", R"(,"place":{"type":"Point"})"));
  const auto outcomes = store->write(batch);
  REQUIRE(verdicts(outcomes) == std::vector{stored, stored, rejected});
}

TEST_CASE_METHOD(Fixture, "a replay is looked up, and only what is missing is inserted") {
  const auto events = readings("a", 5'000);
  store_all(*store, events);
  REQUIRE(verdicts(store->write(events)) == std::vector(5'000, duplicate));
  const auto before = inserts();
  REQUIRE(verdicts(store->write(events)) == std::vector(5'000, duplicate));
  REQUIRE(inserts() - before < 1'000);  // others use this server too

  // New events put an end to it.
  store_all(*store, readings("b", 5'000));
  auto mixed = readings("b", 5'000);
  mixed.push_back(reading("c", "2026-01-21T10:00:00Z"));
  REQUIRE(store->write(mixed).back().verdict == stored);
}

}  // namespace tributary::collector
