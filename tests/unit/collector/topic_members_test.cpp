#include "collector/ingest/topic_members.h"

#include <catch2/catch.hpp>

using namespace tributary::collector;

namespace {

TopicRule shed_rule() {
  return {.filter = "sensors/+/#",
          .pipeline = "telemetry",
          .fields = {{"sensor_id", 1}, {"path", 2}},
          .constants = {{"location", R"({"latitude":50.4})"}}};
}

std::string whole(const std::string& record, const TopicRule& rule = shed_rule(),
                  const std::string& topic = "sensors/shed/a/b") {
  const auto added = TopicMembers(rule, topic).add_to(record);
  INFO(record);
  REQUIRE(added);
  return *added;
}

tributary::Problem problem(const std::string& record) {
  const auto added = TopicMembers(shed_rule(), "sensors/shed/a").add_to(record);
  INFO(record);
  REQUIRE(!added);
  return added.error();
}

}  // namespace

TEST_CASE("what a record lacks is put at its end, and the rest stays byte for byte") {
  REQUIRE(whole(R"({"temperature":21.50,"n": 1.0e+3 ,"s":"\u0041é" })") ==
          R"({"temperature":21.50,"n": 1.0e+3 ,"s":"\u0041é" ,"sensor_id":"shed","path":"a/b",)"
          R"("location":{"latitude":50.4}})");
  REQUIRE(whole("{ }") == R"({ "sensor_id":"shed","path":"a/b","location":{"latitude":50.4}})");
  REQUIRE(whole("{\n \"a\": [1, {\"b\": \"}]\"}]\n}\n")
              .starts_with("{\n \"a\": [1, {\"b\": \"}]\"}]\n,\"sensor_id\":\"shed\""));
}

TEST_CASE("a member that is there stays as it is when it says what the topic says") {
  REQUIRE(whole(R"({"sensor_id":"shed","path":"a/b","location":null})").empty());
  REQUIRE(whole(R"({"sensor\u005fid":"s\u0068ed","path":"a\/b","location":7})").empty());
  REQUIRE(whole(R"({"sensor_id":"shed"})") ==
          R"({"sensor_id":"shed","path":"a/b","location":{"latitude":50.4}})");
  // A number that is written as the topic has it.
  const TopicRule numbers{
      .filter = "n/+", .pipeline = "p", .fields = {{"user_id", 1}}, .constants = {}};
  REQUIRE(whole(R"({"user_id": 42 })", numbers, "n/42").empty());
}

TEST_CASE("members of inner objects are not the record's") {
  REQUIRE(whole(R"({"inner":{"sensor_id":"x","path":"y","location":1}})")
              .ends_with(R"(,"sensor_id":"shed","path":"a/b","location":{"latitude":50.4}})"));
}

TEST_CASE("a record that says something else than its topic is a problem") {
  const std::string value = GENERATE(R"("attic")", R"("Shed")", R"("shed ")", R"("")", "7", "null",
                                     R"({"a":1})", R"(["shed"])", R"("\u0073hef")");
  const auto found = problem(R"({"x":1,"sensor_id":)" + value + "}");
  REQUIRE(found.pointer == "/sensor_id");
  REQUIRE(found.detail.ends_with(R"(: the topic says "shed")"));
}

TEST_CASE("the detail shows a long value cut") {
  const auto found = problem(R"({"sensor_id":")" + std::string(10'000, 'x') + "\"}");
  REQUIRE(found.detail.size() < 200);
}

TEST_CASE("a level of the topic is escaped where JSON needs it") {
  REQUIRE(whole("{}", shed_rule(), "sensors/a\"b\\c/\té")
              .starts_with(R"({"sensor_id":"a\"b\\c","path":"\té",)"));
}

TEST_CASE("what is no object gets nothing") {
  REQUIRE(problem("[1]").detail == "is an array: must be an object");
  REQUIRE(problem("7").detail == "is a number: must be an object");
  const std::string broken =
      GENERATE("", "{", "{}}", "{,}", R"({"a"})", R"({"a":})", R"({"a":1,})", R"({"a":1 "b":2})",
               R"({"a":"x)", R"({"a":[1})", R"({a:1})", R"({"a":1}x)", R"({"a":"\)", "hello");
  REQUIRE(!problem(broken).detail.empty());
}

TEST_CASE("a rule without members adds nothing") {
  const TopicRule plain{.filter = "a/#", .pipeline = "p", .fields = {}, .constants = {}};
  REQUIRE(plain.adds_nothing());
  REQUIRE(whole("{}", plain, "a/b").empty());
}
