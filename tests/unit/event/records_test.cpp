#include <catch2/catch.hpp>
#include <chrono>
#include <random>

#include "shared/event/json.h"

using tributary::Framing;
using tributary::split_records;
using Records = std::vector<std::string_view>;

TEST_CASE("nothing has no records") {
  const auto text = GENERATE(as<std::string>{}, "", " ", "\n\n \r\n\t", "[]", " [ ] ");
  REQUIRE(split_records(text, Framing::detect).empty());
}

TEST_CASE("one object is one record, on one line or on many") {
  REQUIRE(split_records(R"( {"a":1} )", Framing::detect) == Records{R"({"a":1})"});
  const std::string_view pretty = "{\n  \"a\": 1,\n  \"b\": [\n    {\"c\": 2}\n  ]\n}";
  REQUIRE(split_records(pretty, Framing::detect) == Records{pretty});
  const std::string_view broken = "{\n  \"a\": 1,\n  \"b\": [\n    {\"c\": 2}\n  \n";
  REQUIRE(split_records(broken, Framing::detect).size() == 1);
}

TEST_CASE("an array's elements are its records") {
  REQUIRE(split_records(R"( [ {"a":[1,2]} , {"b":"],[{\"\\"},3 ,"x" ] )", Framing::detect) ==
          Records{R"({"a":[1,2]})", R"({"b":"],[{\"\\"})", "3", "\"x\""});
  REQUIRE(split_records("[\n{\"a\":1},\n{\"b\":2}\n]\n", Framing::detect) ==
          Records{R"({"a":1})", R"({"b":2})"});
  REQUIRE(split_records("[{\"a\":tru},{}]", Framing::detect) == Records{"{\"a\":tru}", "{}"});
}

TEST_CASE("an array that isn't well-formed as a whole is one record") {
  const auto text = GENERATE(as<std::string>{}, "[", "[{}", "[{},", "[{},]", "[,]", "[,{}]",
                             "[{},,{}]", "[{]}", "[{\"a\":1},{\"b\":2]", "[{}]]", "[{}] x",
                             "[{}][{}]", "[{\"a\":\"x},{}]", "[\"\\", "[\"\\\"]", "[{\"a\":[}]}]");
  REQUIRE(split_records(text, Framing::detect) == Records{text});
}

TEST_CASE("each line of NDJSON is a record, and blank lines are passed over") {
  const Records expected{R"({"a":1})", R"({"b":2})"};
  REQUIRE(split_records("{\"a\":1}\n{\"b\":2}", Framing::detect) == expected);
  REQUIRE(split_records("\n {\"a\":1} \r\n\r\n\n{\"b\":2}\r\n", Framing::detect) == expected);
  REQUIRE(split_records("{\"a\":1}\n{\"b\":2}\n", Framing::ndjson) == expected);
  REQUIRE(split_records("[1,2]\n{\n", Framing::ndjson) == Records{"[1,2]", "{"});
}

TEST_CASE("a broken line of NDJSON costs that line") {
  REQUIRE(split_records("{\"a\":\n{\"b\":2}\n", Framing::detect) ==
          Records{"{\"a\":", "{\"b\":2}"});
  REQUIRE(split_records("{\"a\":\"x\n{\"b\":2}\n", Framing::detect) ==
          Records{"{\"a\":\"x", "{\"b\":2}"});
  REQUIRE(split_records("{\"a\":1}\ngarbage\n{\"b\":2}", Framing::detect).size() == 3);
  REQUIRE(split_records("garbage\n{\"b\":2}", Framing::detect) == Records{"garbage", "{\"b\":2}"});
  REQUIRE(split_records("{\"a\":1} {\"b\":2}\n", Framing::detect).size() == 1);
  REQUIRE(split_records("{\"a\":1}}\n{\"b\":2}\n", Framing::detect).size() == 2);
}

TEST_CASE("what is no object is handed on for its reader to refuse") {
  REQUIRE(split_records("42", Framing::detect) == Records{"42"});
  REQUIRE(split_records("\xef\xbb\xbf{}", Framing::detect) == Records{"\xef\xbb\xbf{}"});
}

TEST_CASE("brackets of any depth are split without using the stack up") {
  const std::string deep(1'000'000, '[');
  REQUIRE(split_records(deep, Framing::detect) == Records{deep});
  const auto closed = "[" + deep + std::string(1'000'000, ']') + ",{}]";
  REQUIRE(split_records(closed, Framing::detect).size() == 2);
}

TEST_CASE("an array of 50,000 events is split in milliseconds") {
  std::string text = "[";
  for (int i = 0; i < 50'000; ++i) {
    text +=
        R"({"sensor_id":"sensor_12","timestamp":"2026-01-21T10:00:00.123Z","temperature":25.43,)"
        R"("humidity":60.21,"location":{"latitude":12.97,"longitude":77.59}},)";
  }
  text.back() = ']';
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(split_records(text, Framing::detect).size() == 50'000);
  // About 15 ms when optimised; a debug build with sanitizers on a busy machine needs the rest.
  REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("whatever the bytes, the records are inside of the text, in order, and apart") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  constexpr std::string_view kBytes = "[]{}\",:\\\n\r 1ae\x80\0";
  for (int i = 0; i < 50'000; ++i) {
    // A copy without room behind it, for the address sanitizer.
    std::vector<char> bytes(random() % 24);
    for (auto& byte : bytes) byte = kBytes[random() % kBytes.size()];
    const std::string_view text(bytes.data(), bytes.size());
    CAPTURE(text);
    for (const auto framing : {Framing::detect, Framing::ndjson}) {
      const char* behind = text.data();
      for (const auto record : split_records(text, framing)) {
        REQUIRE_FALSE(record.empty());
        REQUIRE(record.data() >= behind);
        behind = record.data() + record.size();
        REQUIRE(behind <= text.data() + text.size());
      }
    }
  }
}
