#include "shared/config/settings.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/unit/config/sandbox.h"

using namespace tributary;
using namespace std::chrono_literals;
using tributary::test::Sandbox;

TEST_CASE("a value is read as what it is, and the default is for absent keys") {
  Sandbox box;
  box.write_config(R"(
id = "gateway-7"
retain = true
count = 10
rate = 2.5
whole = 3
size = "256MiB"
plain = 4096
sync = "100ms"
keep = "90d"
seconds = 1.5
listen = ["a", "b"]
[mqtt]
url = "mqtts://broker"
)");
  const auto settings = box.load();
  REQUIRE(settings.string("id", "x") == "gateway-7");
  REQUIRE(settings.string("absent", "x") == "x");
  REQUIRE_FALSE(settings.optional_string("absent"));
  REQUIRE(settings.boolean("retain", false));
  REQUIRE(settings.integer("count", 1, 0, 100) == 10);
  REQUIRE(settings.number("rate", 1, 0, 100) == 2.5);
  REQUIRE(settings.number("whole", 1, 0, 100) == 3);
  REQUIRE(settings.bytes("size", 1, 0, 1U << 30) == 256U << 20);
  REQUIRE(settings.bytes("plain", 1, 0, 1U << 30) == 4096);
  REQUIRE(settings.duration("sync", 1s, 0s, 1h) == 100ms);
  REQUIRE(settings.duration("keep", 1s, 0s, 24h * 365) == 24h * 90);
  REQUIRE(settings.duration("seconds", 1s, 0s, 1h) == 1500ms);
  REQUIRE(settings.duration("absent", 7s, 0s, 1h) == 7s);
  REQUIRE(settings.strings("listen") == std::vector<std::string>{"a", "b"});
  REQUIRE(settings.strings("absent", {"c"}) == std::vector<std::string>{"c"});
  REQUIRE(settings.table("mqtt").string("url") == "mqtts://broker");
  REQUIRE(settings.table("nothing").string("url", "none") == "none");
  REQUIRE(settings.has("mqtt"));
  REQUIRE_FALSE(settings.has("nothing"));
  REQUIRE(box.mistakes(settings).empty());
}

TEST_CASE("a key that nobody reads is a mistake at its line, with the nearest known one") {
  Sandbox box;
  box.write_config("[buffer]\nmax_sise = \"1MiB\"\n\n[zzz]\nq = 1\n");
  const auto settings = box.load();
  settings.table("buffer").bytes("max_size", 1, 0, 1U << 30);
  settings.table("buffer").string("path");
  REQUIRE(box.mistakes(settings) ==
          "edge.toml:2: buffer.max_sise is not a setting: did you mean max_size?\n"
          "edge.toml:4: zzz is not a setting");
}

TEST_CASE("a value of the wrong type says what is there and what is expected") {
  Sandbox box;
  box.write_config(
      "a = 1\nb = \"x\"\nc = \"ten\"\nd = 1.5\ne = true\nf = \"soon\"\ng = \"256MX\"\nh = [1]\ni = "
      "\"x\"\nj = {k = 1}\n");
  const auto settings = box.load();
  REQUIRE(settings.string("a", "default") == "default");
  settings.boolean("b", true);
  settings.integer("c", 5, 0, 10);
  settings.integer("d", 5, 0, 10);
  settings.number("e", 0.5, 0, 1);
  settings.duration("f", 10s, 1s, 60s);
  settings.bytes("g", 1U << 20, 1, 1U << 30);
  settings.strings("h");
  settings.table("i").string("k");
  settings.string("j");
  const auto text = box.mistakes(settings);
  for (const auto* mistake : {
           "edge.toml:1: a is a whole number, but must be a string: write it in quotes, as "
           "\"text\"\n",
           "edge.toml:2: b is a string, but must be true or false\n",
           "edge.toml:3: c is a string, but must be a whole number, as 5\n",
           "edge.toml:4: d is a number with a fraction, but must be a whole number, as 5\n",
           "edge.toml:5: e is a boolean, but must be a number, as 0.5\n",
           "edge.toml:6: f is \"soon\", but must be a duration, as \"10s\" (ms, s, m, h, d)\n",
           "edge.toml:7: g: ",
           "edge.toml:8: h.0 is a whole number, but must be a string",
           "edge.toml:9: i is a string, but must be a table: write [i] and its settings below it\n",
           "edge.toml:10: j is a table, but must be a string",
       }) {
    INFO(text);
    REQUIRE(text.find(mistake) != std::string::npos);
  }
  REQUIRE(text.find("not a setting") == std::string::npos);
}

TEST_CASE("a value out of its bounds or choices says what is allowed") {
  Sandbox box;
  box.write_config(
      "port = 0\nrate = -1\nsize = \"1GiB\"\nwait = \"2h\"\nwhen_full = \"explode\"\n");
  const auto settings = box.load();
  const std::string_view choices[] = {"drop_oldest", "drop_newest", "block"};
  REQUIRE(settings.integer("port", 80, 1, 65535) == 80);
  settings.number("rate", 1, 0, 1000);
  settings.bytes("size", 1U << 20, 1U << 10, 1U << 20);
  settings.duration("wait", 10s, 100ms, 1h);
  REQUIRE(settings.choice("when_full", "block", choices) == "block");
  REQUIRE(box.mistakes(settings) ==
          "edge.toml:1: port is 0, but must be from 1 to 65535\n"
          "edge.toml:2: rate is -1, but must be from 0 to 1000\n"
          "edge.toml:3: size is 1GiB, but must be from 1KiB to 1MiB\n"
          "edge.toml:4: wait is 2h, but must be from 100ms to 1h\n"
          "edge.toml:5: when_full is \"explode\", but must be \"drop_oldest\", \"drop_newest\" or "
          "\"block\"");
}

TEST_CASE("what is not a string in the file never shows its value: it may be a secret") {
  Sandbox box;
  box.write_config("[mqtt]\npassword = 8271\n");
  const auto settings = box.load();
  settings.table("mqtt").string("password");
  REQUIRE(box.mistakes(settings).find("8271") == std::string::npos);
}

TEST_CASE("the reader's own checks are told with the key's place, or its table's") {
  Sandbox box;
  box.write_config("[mqtt]\nurl = \"x\"\n");
  const auto settings = box.load();
  const auto mqtt = settings.table("mqtt");
  mqtt.string("url");
  mqtt.refuse("url", "is not a URL");
  mqtt.refuse("user", "is needed");
  settings.table("http").refuse("token", "is needed");
  REQUIRE(box.mistakes(settings) ==
          "edge.toml:2: mqtt.url: is not a URL\nedge.toml:1: mqtt.user: is needed\nedge.toml: "
          "http.token: is needed");
}

TEST_CASE("tables of an array come in order, and their keys are known one by one") {
  Sandbox box;
  box.write_config("[[sensor]]\ntype = \"host\"\n[[sensor]]\ntype = \"simulator\"\nrade = 1\n");
  const auto settings = box.load();
  const auto sensors = settings.tables("sensor");
  REQUIRE(sensors.size() == 2);
  REQUIRE(sensors[0].string("type") == "host");
  REQUIRE(sensors[1].string("type") == "simulator");
  sensors[1].number("rate", 1, 0, 10);
  REQUIRE(box.mistakes(settings) ==
          "edge.toml:5: sensor.1.rade is not a setting: did you mean rate?");
  REQUIRE(settings.tables("other").empty());
}

TEST_CASE("named tables need a name each, and each its own") {
  Sandbox box;
  box.write_config(
      "[[pipeline]]\nname = \"a\"\n[[pipeline]]\nstore = \"x\"\n[[pipeline]]\nname = "
      "\"a\"\n[[pipeline]]\nname = 3\n");
  const auto settings = box.load();
  const auto pipelines = settings.named_tables("pipeline");
  for (const auto& pipeline : pipelines) pipeline.string("store");
  REQUIRE(pipelines.size() == 1);
  REQUIRE(box.mistakes(settings) ==
          "edge.toml:3: this [[pipeline]] has no name: add name = \"…\"\n"
          "edge.toml:6: pipeline: there is one named \"a\" already\n"
          "edge.toml:8: pipeline.3.name is a whole number, but must be a string: write it in "
          "quotes, as \"text\"");
}

TEST_CASE("one table where several are meant is told how it is written") {
  Sandbox box;
  box.write_config("[pipeline]\nname = \"a\"\n");
  const auto settings = box.load();
  REQUIRE(settings.named_tables("pipeline").empty());
  REQUIRE(
      box.mistakes(settings) ==
      "edge.toml:2: pipeline.name is a string, but must be a table: write [[pipeline]], with two "
      "brackets, before each, or pipeline.NAME.name after --set");
}

TEST_CASE("the entries of a table are JSON, in the order of the file") {
  Sandbox box;
  box.write_config(R"(
[set]
zone = "a\"b"
count = 3
rate = 2.0
tiny = 1e-7
on = true
location = { latitude = 47.5, longitude = 8 }
list = [1, "x", [true]]
day = 2024-02-29
at = 2024-02-29T10:00:00.250+02:00
clock = 07:32:00
)");
  const auto settings = box.load();
  const auto set = settings.table("set");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"zone", R"("a\"b")"},
      {"count", "3"},
      {"rate", "2.0"},
      {"tiny", "1e-07"},
      {"on", "true"},
      {"location", R"({"latitude":47.5,"longitude":8})"},
      {"list", R"([1,"x",[true]])"},
      {"day", R"("2024-02-29")"},
      {"at", R"("2024-02-29T10:00:00.25+02:00")"},
      {"clock", R"("07:32:00")"},
  };
  REQUIRE(set.entries() == expected);
  for (const auto& [name, json] : set.entries()) REQUIRE_NOTHROW(nlohmann::json::parse(json));
  REQUIRE(box.mistakes(settings).empty());
}

TEST_CASE("a number that JSON doesn't have is a mistake of its entry") {
  Sandbox box;
  box.write_config("set = { bad = [inf], good = 1 }\n");
  const auto settings = box.load();
  REQUIRE(settings.table("set").entries().size() == 1);
  REQUIRE(box.mistakes(settings) ==
          "edge.toml:1: set.bad has a number that isn't finite: JSON has none");
}
