#include "collector/config.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/contract/stream_verbs.h"

using namespace tributary;
using namespace tributary::collector;

namespace {

Result<Config> read(const std::string& file, std::vector<std::string> sets = {},
                    std::map<std::string, std::string> environment = {}) {
  const stream_verbs::TemporaryDirectory directory;
  SettingSources sources;
  sources.dotenv_file = (directory.path() / ".env").string();
  sources.environment = environment;
  sources.sets = std::move(sets);
  if (!file.empty()) {
    sources.file = (directory.path() / "collector.toml").string();
    std::ofstream(sources.file) << file;
  }
  const auto settings = Settings::load(sources);
  if (!settings) return std::unexpected(settings.error());
  return read_config(*settings, environment);
}

std::string mistake(const std::string& file, std::vector<std::string> sets = {}) {
  const auto config = read(file, std::move(sets));
  return config ? "" : config.error().message();
}

bool says(const std::string& text, std::string_view part) {
  INFO(text);
  const bool found = text.find(part) != std::string::npos;
  REQUIRE(found);
  return found;
}

}  // namespace

TEST_CASE("without any configuration there are three pipelines on the embedded stream and SQLite") {
  const auto config = read("", {}, {{"STATE_DIRECTORY", "/var/lib/tributary"}});
  REQUIRE(config);
  REQUIRE(config->data == "/var/lib/tributary");
  REQUIRE(config->pipelines.size() == 3);
  const auto& telemetry = config->pipelines.at(0);
  REQUIRE(telemetry.name == "telemetry");
  REQUIRE(telemetry.topic == "sensor-events");
  REQUIRE(telemetry.table == "events");
  REQUIRE(sqlite_file(*config, telemetry) == "/var/lib/tributary/telemetry.db");
  const auto& clickstream = config->pipelines.at(1);
  REQUIRE(clickstream.topic == "raw_events");
  REQUIRE(clickstream.group == "event_ingestors");
  REQUIRE(config->pipelines.at(2).table == "measurement");
  REQUIRE(config->http.options.listen ==
          std::vector<std::string>{"127.0.0.1:8000", "127.0.0.1:8001", "127.0.0.1:8002"});
}

TEST_CASE("one pipeline in the file replaces the built-in ones") {
  const auto config = read("[[pipeline]]\nname = \"doors\"\nschema = \"measurement\"\n");
  REQUIRE(config);
  REQUIRE(config->pipelines.size() == 1);
  REQUIRE(config->pipelines.front().topic == "doors");
}

TEST_CASE("a setting of one built-in pipeline leaves the others as they are") {
  const auto config = read("", {"pipeline.telemetry.store=sqlite:/tmp/other.db"});
  REQUIRE(config);
  REQUIRE(config->pipelines.size() == 3);
  REQUIRE(sqlite_file(*config, config->pipelines.front()) == "/tmp/other.db");
}

TEST_CASE("every mistake is told, each with its line") {
  const auto text = mistake(
      "roles = [\"ingest\", \"cook\"]\n[http]\nthreads = 0\nlisten_on = \"x\"\n[[pipeline]]\nname "
      "= "
      "\"Doors\"\n");
  says(text, "collector.toml:1");
  says(text, "cook");
  says(text, "collector.toml:3");
  says(text, "collector.toml:4");
  says(text, "listen_on");
  says(text, "collector.toml:6");
}

TEST_CASE("two pipelines may not share a topic or a table") {
  says(mistake("[[pipeline]]\nname = \"a\"\nschema = \"measurement\"\ntopic = \"t\"\n"
               "[[pipeline]]\nname = \"b\"\nschema = \"measurement\"\ntopic = \"t\"\n"),
       "the topic \"t\"");
  says(mistake(
           "[[pipeline]]\nname = \"a\"\nschema = \"measurement\"\nstore = \"sqlite:x.db\"\ntable = "
           "\"t\"\n[[pipeline]]\nname = \"b\"\nschema = \"measurement\"\nstore = "
           "\"sqlite:x.db\"\ntable = \"t\"\n"),
       "the table \"t\"");
}

TEST_CASE("separate roles are refused with an embedded stream or SQLite") {
  says(mistake("roles = [\"ingest\"]\n"), "need Kafka and a server store");
}

TEST_CASE("a stream, a store or a schema that this version doesn't have is named") {
  says(mistake("", {"pipeline.telemetry.stream=kafka://127.0.0.1:9092"}), "kafka://127.0.0.1:9092");
  says(mistake("", {"pipeline.telemetry.store=oracle:x"}), "oracle:x");
  says(mistake("[[pipeline]]\nname = \"x\"\n"), "\"x\" is neither a built-in schema");
  says(mistake("[[pipeline]]\nname = \"x\"\nschema = \"missing.json\"\n"), "missing.json");
}
