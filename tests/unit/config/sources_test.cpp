#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/unit/config/sandbox.h"

using namespace tributary;
using namespace std::chrono_literals;
using tributary::test::Sandbox;

TEST_CASE("each source is stronger than the one before: file, .env, environment, --set") {
  Sandbox box;
  box.write_config("a = \"file\"\nb = \"file\"\nc = \"file\"\nd = \"file\"\n");
  box.write(".env", "TRIBUTARY_B=dotenv\nTRIBUTARY_C=dotenv\nTRIBUTARY_D=dotenv\n");
  box.sources.environment = {
      {"TRIBUTARY_C", "environment"}, {"TRIBUTARY_D", "environment"}, {"HOME", "/root"}};
  box.sources.sets = {"d=first", "d=set"};
  const auto settings = box.load();
  REQUIRE(settings.string("a") == "file");
  REQUIRE(settings.string("b") == "dotenv");
  REQUIRE(settings.string("c") == "environment");
  REQUIRE(settings.string("d") == "set");
  REQUIRE(box.mistakes(settings).empty());
}

TEST_CASE("without any source there are only defaults") {
  Sandbox box;
  const auto settings = box.load();
  REQUIRE(settings.table("mqtt").string("url", "default") == "default");
  REQUIRE(box.mistakes(settings).empty());
}

TEST_CASE("a variable's name gives the path: two underscores divide, one stays") {
  Sandbox box;
  box.write_config("[mqtt]\nurl = \"a\"\n");
  box.sources.environment = {{"TRIBUTARY_MQTT__URL", "mqtt://b"},
                             {"TRIBUTARY_BUFFER__MAX_SIZE", "1MiB"}};
  const auto settings = box.load();
  REQUIRE(settings.table("mqtt").string("url") == "mqtt://b");
  REQUIRE(settings.table("buffer").bytes("max_size", 1, 0, 1U << 30) == 1U << 20);
  REQUIRE(box.mistakes(settings).empty());
}

TEST_CASE("an unknown or wrong variable is named by its place") {
  Sandbox box;
  box.sources.environment = {
      {"TRIBUTARY_MQTT__ULR", "x"}, {"TRIBUTARY_COUNT", "many"}, {"TRIBUTARY_TEST_KAFKA", "x"}};
  box.sources.sets = {"mqtt.qos=\"high\""};
  const auto settings = box.load();
  settings.integer("count", 1, 0, 9);
  settings.table("mqtt").string("url");
  settings.table("mqtt").integer("qos", 1, 0, 2);
  REQUIRE(box.mistakes(settings) ==
          "environment TRIBUTARY_COUNT: count is a string, but must be a whole number, as 1\n"
          "--set mqtt.qos: mqtt.qos is a string, but must be a whole number, as 1\n"
          "environment TRIBUTARY_MQTT__ULR: mqtt.ulr is not a setting: did you mean url?");
}

TEST_CASE("a value of the environment or --set is TOML if it parses, else a string") {
  Sandbox box;
  box.sources.sets = {"on=true",
                      "count=10",
                      "list=[\"a\", \"b\"]",
                      "text=mqtt://x:1?a=b",
                      "mqtt={url = \"u\"}",
                      "empty=",
                      "quoted=\"true\"",
                      "one=\"a:1\"",
                      "trick=1\nother = 2"};
  box.sources.environment = {{"TRIBUTARY_RATE", "2.5"}, {"TRIBUTARY_LISTEN", "127.0.0.1:8000"}};
  const auto settings = box.load();
  REQUIRE(settings.boolean("on", false));
  REQUIRE(settings.integer("count", 0, 0, 99) == 10);
  REQUIRE(settings.strings("list") == std::vector<std::string>{"a", "b"});
  REQUIRE(settings.string("text") == "mqtt://x:1?a=b");
  REQUIRE(settings.table("mqtt").string("url") == "u");
  REQUIRE(settings.string("empty", "x").empty());
  REQUIRE(settings.string("quoted") == "true");
  REQUIRE(settings.strings("one") == std::vector<std::string>{"a:1"});
  REQUIRE(settings.string("trick") == "1\nother = 2");
  REQUIRE(settings.number("rate", 0, 0, 9) == 2.5);
  REQUIRE(settings.strings("listen") == std::vector<std::string>{"127.0.0.1:8000"});
  REQUIRE(box.mistakes(settings).empty());
}

TEST_CASE("a password of digits is a string when it comes from the environment") {
  Sandbox box;
  box.sources.environment = {
      {"TRIBUTARY_MQTT__PASSWORD", "0012"}, {"TRIBUTARY_ID", "2024"}, {"TRIBUTARY_X", "1e3"}};
  const auto settings = box.load();
  REQUIRE(settings.table("mqtt").string("password") == "0012");
  REQUIRE(settings.string("id") == "2024");
  REQUIRE(settings.string("x") == "1e3");
}

TEST_CASE("the member of a named table is set by the name, also from the environment") {
  Sandbox box;
  box.write_config(
      "[[pipeline]]\nname = \"telemetry\"\nstore = \"a\"\n[[pipeline]]\nname = "
      "\"web-clicks\"\nstore = \"b\"\n");
  box.sources.environment = {{"TRIBUTARY_PIPELINE__TELEMETRY__STORE", "c"},
                             {"TRIBUTARY_PIPELINE__WEB_CLICKS__STORE", "d"}};
  box.sources.sets = {"pipeline.telemetry.topic=t", "pipeline.added.store=e"};
  const auto settings = box.load();
  const auto pipelines = settings.named_tables("pipeline");
  REQUIRE(pipelines.size() == 3);
  REQUIRE(pipelines[0].string("store") == "c");
  REQUIRE(pipelines[0].string("topic") == "t");
  REQUIRE(pipelines[1].string("name") == "web-clicks");
  REQUIRE(pipelines[1].string("store") == "d");
  REQUIRE(pipelines[2].string("name") == "added");
  REQUIRE(pipelines[2].string("store") == "e");
  REQUIRE(box.mistakes(settings).empty());
}

TEST_CASE("named tables may come from --set alone, and are told from those of a file") {
  Sandbox box;
  box.sources.sets = {"pipeline.telemetry.store=x"};
  const auto settings = box.load();
  REQUIRE(settings.tables("pipeline").empty());
  const auto pipelines = settings.named_tables("pipeline");
  REQUIRE(pipelines.size() == 1);
  REQUIRE(pipelines[0].string("name") == "telemetry");
  REQUIRE(pipelines[0].string("store") == "x");
  REQUIRE(pipelines[0].place("store") == "--set pipeline.telemetry.store");
  REQUIRE(box.mistakes(settings).empty());
}

TEST_CASE("an unnamed table is set by its index, which must be there") {
  Sandbox box;
  box.write_config("[[sensor]]\nrate = 1\n[[sensor]]\nrate = 2\n");
  box.sources.sets = {"sensor.1.rate=5", "sensor.2.rate=6"};
  const auto settings = box.load();
  const auto sensors = settings.tables("sensor");
  REQUIRE(sensors.size() == 2);
  REQUIRE(sensors[0].integer("rate", 0, 0, 9) == 1);
  REQUIRE(sensors[1].integer("rate", 0, 0, 9) == 5);
  REQUIRE(box.mistakes(settings) ==
          "--set sensor.2.rate: there is no sensor number 2: there are 2, counted from 0");
}

TEST_CASE(
    "a value where another source has a table, or a table where it has a value, is a mistake") {
  Sandbox box;
  box.write_config("id = \"x\"\nlisten = [\"a\"]\n[mqtt]\nurl = \"y\"\n");
  box.sources.sets = {"id.part=1", "listen.0=b", "mqtt=off"};
  const auto settings = box.load();
  settings.string("id");
  settings.strings("listen");
  settings.table("mqtt").string("url");
  REQUIRE(
      box.mistakes(settings) ==
      "--set id.part: id is a string (edge.toml:1): it has nothing named part\n"
      "--set listen.0: listen is an array of values (edge.toml:2): set all of it\n"
      "--set mqtt: mqtt is a string, but must be a table: write [mqtt] and its settings below it");
}

TEST_CASE("a table given as a whole changes only the keys that it has") {
  Sandbox box;
  box.write_config("[mqtt]\nurl = \"a\"\nuser = \"u\"\n");
  box.sources.sets = {"mqtt={url = \"b\"}"};
  const auto settings = box.load();
  REQUIRE(settings.table("mqtt").string("url") == "b");
  REQUIRE(settings.table("mqtt").string("user") == "u");
}

TEST_CASE("a path with an empty part is a mistake") {
  Sandbox box;
  box.sources.environment = {{"TRIBUTARY_", "x"}, {"TRIBUTARY_A____B", "x"}};
  box.sources.sets = {"a..b=1"};
  const auto text = box.mistakes(box.load());
  REQUIRE(text.find("environment TRIBUTARY_: is not the name of a setting") != std::string::npos);
  REQUIRE(text.find("environment TRIBUTARY_A____B: is not") != std::string::npos);
  REQUIRE(text.find("--set a..b: is not") != std::string::npos);
}

TEST_CASE("a --set that is not of the form is refused without repeating it") {
  Sandbox box;
  box.sources.sets = {"s3cret"};
  const auto error = box.load_error();
  REQUIRE(error.find("key.path=value") != std::string::npos);
  REQUIRE(error.find("s3cret") == std::string::npos);
  box.sources.sets = {"=x"};
  REQUIRE(box.load_error().find("key.path=value") != std::string::npos);
}

TEST_CASE("a file that can't be read says its path and the reason") {
  Sandbox box;
  box.sources.file = box.path("missing.toml");
  REQUIRE(box.load_error() == "cannot read missing.toml: No such file or directory");
  std::filesystem::create_directory(box.path("dir"));
  box.sources.file = box.path("dir");
  REQUIRE(box.load_error() == "cannot read dir: Is a directory");
  box.sources.file = "/dev/zero";
  REQUIRE(box.load_error().find("over 4 MiB") != std::string::npos);
}

TEST_CASE("a file that is not TOML says where and why") {
  Sandbox box;
  box.write_config("a = 1\nb = = 2\n");
  REQUIRE(box.load_error().starts_with("edge.toml:2: column 5: this is not TOML: "));
  box.write_config("a = 1\na = 2\n");
  REQUIRE(box.load_error().starts_with("edge.toml:2: column "));
  box.write_config(std::string("\xff\xfe\0x", 4));
  REQUIRE(box.load_error().starts_with("edge.toml:1: column "));
}

TEST_CASE("the state directory is systemd's first one, else XDG's, else below the home directory") {
  REQUIRE(default_state_directory({{"STATE_DIRECTORY", "/var/lib/a:/var/lib/b"}, {"HOME", "/h"}}) ==
          "/var/lib/a");
  REQUIRE(default_state_directory({{"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}}) == "/x/tributary");
  REQUIRE(default_state_directory({{"XDG_STATE_HOME", "x"}, {"HOME", "/h"}}) ==
          "/h/.local/state/tributary");
  REQUIRE(default_state_directory({{"HOME", "/h"}}) == "/h/.local/state/tributary");
}

TEST_CASE("the environment of this process is all there") {
  ::setenv("TRIBUTARY_TEST_VALUE", "a=b", 1);
  REQUIRE(process_environment().at("TRIBUTARY_TEST_VALUE") == "a=b");
}

TEST_CASE("a variable that is no setting comes from the environment, else from .env") {
  Sandbox box;
  box.write(".env", "DB_HOST=dotenv\nDB_PORT=1\nDB_PORT='2 # 3'\nDB_USER=\nDB_NAME=kept\n");
  box.sources.environment = {
      {"DB_HOST", "environment"}, {"DB_NAME", ""}, {"TRIBUTARY_TEST_X", "x"}};
  const auto settings = box.load();
  REQUIRE(settings.variable("DB_HOST") == "environment");
  REQUIRE(settings.variable("DB_PORT") == "2 # 3");
  REQUIRE(settings.variable("DB_NAME") == "kept");
  REQUIRE(settings.variable("DB_USER") == std::nullopt);
  REQUIRE(settings.variable("TRIBUTARY_TEST_X") == std::nullopt);
  settings.refuse_variable("DB_HOST", "is away");
  settings.refuse_variable("DB_PORT", "is no port");
  settings.refuse_variable("DB_PASS", "is missing");
  REQUIRE(box.mistakes(settings) ==
          "environment: DB_HOST: is away\n.env:3: DB_PORT: is no port\nenvironment: DB_PASS: is "
          "missing");
}
