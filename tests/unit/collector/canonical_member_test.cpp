#include "collector/store/canonical_member.h"

#include <catch2/catch.hpp>
#include <random>

namespace tributary::collector {
namespace {

constexpr std::string_view kEvent =
    R"({"a":-1.5,"b":{"a":2,"c":[1,{"d":3}],"e":{"f":4},"g":1e-7},"h":"\"1,}","i":[5],"j":null,"k":true,"l":6})";

using Numbers = std::vector<std::pair<std::string, double>>;

Numbers numbers_of(std::string_view event, std::size_t name_size_max = 64) {
  CanonicalNumbers numbers(name_size_max);
  numbers.read(event);
  Numbers found;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    found.emplace_back(numbers.name(i), numbers.value(i));
  }
  return found;
}

std::optional<std::string_view> at(std::vector<std::string> path) {
  return canonical_member(kEvent, path);
}

}  // namespace

TEST_CASE("a member is found by its name, and by the names on the way to it") {
  REQUIRE(canonical_member(kEvent, "\"h\"") == R"("\"1,}")");
  REQUIRE(canonical_member(kEvent, "\"l\"") == "6");
  REQUIRE_FALSE(canonical_member(kEvent, "\"d\""));
  REQUIRE(at({"\"b\"", "\"e\"", "\"f\""}) == "4");
  REQUIRE(at({"\"b\"", "\"c\""}) == R"([1,{"d":3}])");
  REQUIRE_FALSE(at({"\"b\"", "\"c\"", "\"d\""}));
  REQUIRE_FALSE(at({"\"h\"", "\"1,}\""}));
  REQUIRE_FALSE(at({"\"a\"", "\"a\""}));
}

TEST_CASE("the numbers of an event are those of its members and of theirs") {
  REQUIRE(numbers_of(kEvent) ==
          Numbers{{"\"a\"", -1.5}, {"\"b\"\"a\"", 2}, {"\"b\"\"g\"", 1e-7}, {"\"l\"", 6}});
  REQUIRE(numbers_of("{}").empty());
}

TEST_CASE("numbers with long names are left out, and it is said") {
  CanonicalNumbers numbers(5);
  numbers.read(R"({"abc":1,"abcd":2,"b":{"c":3}})");
  REQUIRE(numbers.size() == 1);
  REQUIRE(numbers.name(0) == "\"abc\"");
  REQUIRE(numbers.left_out());
  numbers.read(R"({"abc":1,"abcd":"2"})");
  REQUIRE_FALSE(numbers.left_out());
}

TEST_CASE("a canonical text is a number or none") {
  REQUIRE(canonical_number("-0.25") == -0.25);
  REQUIRE(canonical_number("9007199254740993") == 9007199254740992.0);
  REQUIRE(canonical_number("1e+300") == 1e300);
  for (const auto* text : {"", "-", "inf", "-inf", "nan", "true", "\"1\"", "[1]", "1,", "{"}) {
    REQUIRE_FALSE(canonical_number(text));
  }
}

TEST_CASE("of damaged text nothing behind it is read") {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string text(kEvent.substr(0, random() % (kEvent.size() + 1)));
    for (int changes = 0; changes < 2 && !text.empty(); ++changes) {
      text[random() % text.size()] = "{}[]\",:\\1"[random() % 9];
    }
    const auto exact = std::make_unique<char[]>(text.size());  // for the address sanitizer
    std::ranges::copy(text, exact.get());
    const std::string_view event(exact.get(), text.size());
    for (const auto& [name, value] : numbers_of(event)) REQUIRE(name.size() <= text.size());
    CanonicalMembers members(event);
    while (members.next()) REQUIRE(members.value().data() <= event.data() + event.size());
  }
}

}  // namespace tributary::collector
