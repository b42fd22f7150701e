#include "collector/ingest/topic_map.h"

#include <catch2/catch.hpp>

using namespace tributary::collector;

namespace {

using Levels = std::vector<std::string_view>;

struct Pair {
  const char* one;
  const char* other;
  bool overlap;
};

TopicRule rule(const std::string& filter, const std::string& pipeline) {
  return {.filter = filter, .pipeline = pipeline, .fields = {}, .constants = {}};
}

}  // namespace

TEST_CASE("a filter's wildcards are whole levels, and # is the last one") {
  const std::string filter =
      GENERATE("a", "+", "#", "/", "a/+/b", "+/+/#", "a//b", "a/#", "$SYS/#", "sensors/é/+");
  CAPTURE(filter);
  REQUIRE(filter_mistake(filter).empty());
}

TEST_CASE("what is no filter is refused in words") {
  REQUIRE(filter_mistake("").starts_with("is empty"));
  REQUIRE(filter_mistake("a/b+/c") == "has a + that isn't a whole level");
  REQUIRE(filter_mistake("a/+b") == "has a + that isn't a whole level");
  REQUIRE(filter_mistake("a#") == "has a # that isn't a whole level");
  REQUIRE(filter_mistake("a/#/b") == "has a # that isn't its last level");
  REQUIRE(filter_mistake("#/") == "has a # that isn't its last level");
  REQUIRE(filter_mistake("$share/group/a").contains("mqtt.share"));
  REQUIRE(!filter_mistake(std::string("a\0b", 3)).empty());
  REQUIRE(!filter_mistake("a/\xff").empty());
  REQUIRE(!filter_mistake(std::string(65'536, 'a')).empty());
}

TEST_CASE("two filters overlap when a topic matches both") {
  const auto [one, other, overlap] = GENERATE(values<Pair>({
      {"a", "a", true},
      {"a", "b", false},
      {"a/b", "a", false},
      {"a/+", "a/b", true},
      {"a/+", "+/b", true},
      {"a/+/c", "+/b/d", false},
      {"#", "a/b/c", true},
      {"a/#", "a", true},
      {"a/#", "b/#", false},
      {"a/#", "+/b/c", true},
      {"+/+", "a", false},
      {"+/+/+/+", "tributary/+/events/+", true},
      {"+/+/reading/+", "tributary/+/events/+", false},
      {"sensors/#", "tributary/+/events/+", false},
      {"+/#", "tributary/+/events/+", true},
  }));
  CAPTURE(one, other);
  REQUIRE(filters_overlap(one, other) == overlap);
  REQUIRE(filters_overlap(other, one) == overlap);
}

TEST_CASE("each wildcard stands for its level, a final # for the rest") {
  REQUIRE(wildcard_levels("sensors/+/reading", "sensors/shed/reading") == Levels{"shed"});
  REQUIRE(wildcard_levels("+/x/+", "a/x/b") == Levels{"a", "b"});
  REQUIRE(wildcard_levels("a/+/#", "a/b/c/d/e") == Levels{"b", "c/d/e"});
  REQUIRE(wildcard_levels("a/#", "a/b") == Levels{"b"});
  REQUIRE(wildcard_levels("a/#", "a") == Levels{""});
  REQUIRE(wildcard_levels("#", "a/b") == Levels{"a/b"});
  REQUIRE(wildcard_levels("a/+/c", "a//c") == Levels{""});
  REQUIRE(wildcard_levels("a/+", "a/") == Levels{""});
  REQUIRE(wildcard_levels("a/b", "a/b").empty());
  REQUIRE(wildcards_of("a/+/+/#") == 3);
  REQUIRE(wildcards_of("a/b") == 0);
}

TEST_CASE("the first rule that a topic matches wins") {
  const TopicMap map({rule("a/b/c", "exact"), rule("a/+/c", "level"), rule("a/#", "rest")});
  REQUIRE(map.find("a/b/c")->pipeline == "exact");
  REQUIRE(map.find("a/x/c")->pipeline == "level");
  REQUIRE(map.find("a")->pipeline == "rest");
  REQUIRE(map.find("b") == nullptr);
  REQUIRE(TopicMap({}).find("a") == nullptr);
}
