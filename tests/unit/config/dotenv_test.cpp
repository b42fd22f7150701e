#include "shared/config/dotenv.h"

#include <catch2/catch.hpp>

#include "tests/unit/config/sandbox.h"

using namespace tributary;
using tributary::test::Sandbox;

namespace {

std::string value_of(const std::string& line) {
  const auto lines = parse_dotenv(line);
  REQUIRE(lines.size() == 1);
  return lines[0].name.empty() ? "(mistake)" : lines[0].name + '|' + lines[0].value;
}

}  // namespace

TEST_CASE("a line of .env is a name and a value, with quotes, comments and export") {
  REQUIRE(value_of("A=b") == "A|b");
  REQUIRE(value_of("  export A = b c  \r") == "A|b c");
  REQUIRE(value_of("A=") == "A|");
  REQUIRE(value_of("A=b # comment") == "A|b");
  REQUIRE(value_of("A=b#c") == "A|b#c");
  REQUIRE(value_of("A='b # \\n $x' # comment") == "A|b # \\n $x");
  REQUIRE(value_of("A=\"b\\n\\\"c\\\" \\$x\"") == "A|b\n\"c\" $x");
  REQUIRE(value_of("A=x=y") == "A|x=y");
}

TEST_CASE("what is no line of .env is known by its number") {
  const auto lines = parse_dotenv("# comment\n\nA=1\nnonsense\nB=\"open\nC='x'y\n=1");
  REQUIRE(lines.size() == 5);
  REQUIRE(lines[0].number == 3);
  REQUIRE(lines[1].number == 4);
  for (std::size_t i = 1; i < lines.size(); ++i) REQUIRE(lines[i].name.empty());
}

TEST_CASE("a mistake in .env is told with its line") {
  Sandbox box;
  box.write(".env", "OTHER=1\nTRIBUTARY_COLOUR=red\nnonsense\n");
  REQUIRE(box.mistakes(box.load()) ==
          ".env:3: is not of the form NAME=VALUE\n.env:2: colour is not a setting");
}

TEST_CASE("other variables of .env are there for those who want them") {
  Sandbox box;
  box.write(".env", "TOKEN=abc\nTOKEN=def\nnonsense\n");
  const auto values = read_dotenv(box.path(".env"));
  REQUIRE(values);
  REQUIRE(values->size() == 1);
  REQUIRE(values->at("TOKEN") == "def");
  REQUIRE(read_dotenv(box.path("missing"))->empty());
}
