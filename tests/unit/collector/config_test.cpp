#include "collector/config.h"

#include "tests/unit/collector/config_fixture.h"

using namespace tributary;
using namespace tributary::collector;

namespace {

Result<Config> read(const std::string& file, std::vector<std::string> sets = {},
                    std::map<std::string, std::string> environment = {}) {
  return ConfigSources{.file = file, .sets = std::move(sets), .environment = std::move(environment)}
      .read();
}

std::string mistake(const std::string& file, std::vector<std::string> sets = {}) {
  return ConfigSources{.file = file, .sets = std::move(sets)}.mistakes();
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

TEST_CASE("with Kafka and MongoDB each role can be a process of its own, on a port of its own") {
  const std::string pipeline =
      "[[pipeline]]\nname = \"telemetry\"\nstream = \"kafka://one,two:9093\"\nstore = "
      "\"mongodb://localhost/sensor_db\"\n";
  const auto config = read("roles = [\"persist\"]\n" + pipeline);
  REQUIRE(config);
  REQUIRE(!config->ingest);
  REQUIRE(config->persist);
  REQUIRE(!config->query);
  REQUIRE(config->http.options.listen == std::vector<std::string>{"127.0.0.1:8002"});
  REQUIRE(config->pipelines.front().table == "events");
  REQUIRE(config->pipelines.front().kafka.brokers == "one:9092,two:9093");
  says(mistake("roles = [\"query\"]\n" + pipeline + "[[pipeline]]\nname = \"clickstream\"\n"),
       "pipeline clickstream has embedded: and sqlite:");
}

TEST_CASE("settings of Kafka are read, and properties that the promises rest on refused") {
  const std::string pipeline = "[[pipeline]]\nname = \"telemetry\"\nstream = \"kafka://one\"\n";
  const auto config = read(
      pipeline +
          "[kafka]\npartitions = 6\nreplication = 3\nretention = \"2d\"\nuser = \"u\"\nmechanism = "
          "\"PLAIN\"\ntls = { enabled = true }\n[kafka.properties]\n\"linger.ms\" = "
          "7\ncompression.type = \"lz4\"\n",
      {}, {{"TRIBUTARY_KAFKA__PASSWORD", "secret"}});
  REQUIRE(config);
  const auto& kafka = config->pipelines.front().kafka;
  REQUIRE(kafka.brokers == "one:9092");
  REQUIRE(kafka.partitions == 6);
  REQUIRE(kafka.replication == 3);
  REQUIRE(kafka.retention == std::chrono::hours(48));
  REQUIRE(kafka.password == "secret");
  REQUIRE(kafka.mechanism == "PLAIN");
  REQUIRE(kafka.tls.enabled);
  REQUIRE(kafka.properties ==
          std::map<std::string, std::string>{{"linger.ms", "7"}, {"compression.type", "lz4"}});

  says(mistake(pipeline + "[kafka.properties]\nacks = 1\n"), "acks");
  says(mistake(pipeline + "[kafka.properties]\n\"linger.sm\" = 1\n"), "linger.sm");
  says(mistake(pipeline + "[kafka]\nuser = \"u\"\n"), "needs a password");
  says(mistake(pipeline + "[kafka]\nmechanism = \"GSSAPI\"\n"), "SCRAM-SHA-512");
  says(mistake("", {"kafka.password=secret"}), "command line");
}

TEST_CASE("a password in the address of a store is not shown, nor taken from the command line") {
  const std::string store = "store=mongodb://me:secret@localhost/sensor_db";
  const auto text = mistake("", {"pipeline.telemetry." + store});
  says(text, "command line");
  REQUIRE(text.find("secret") == std::string::npos);
  const auto config = read(
      "[[pipeline]]\nname = \"telemetry\"\nstore = "
      "\"mongodb://me:secret@localhost/sensor_db\"\n");
  REQUIRE(config);
  REQUIRE(describe(config->pipelines.front()).find("secret") == std::string::npos);
  says(mistake("[[pipeline]]\nname = \"telemetry\"\nstore = \"mongodb://localhost\"\n"),
       "database");
}

TEST_CASE("any pipeline can be stored in PostgreSQL, MongoDB or SQLite, all in one collector") {
  const auto config =
      ConfigSources{.file =
                        "[[pipeline]]\nname = \"telemetry\"\nstore = \"postgresql://db/sensors\"\n"
                        "[[pipeline]]\nname = \"clickstream\"\nstore = \"mongodb://mongo/clicks\"\n"
                        "[[pipeline]]\nname = \"measurement\"\n"
                        "[postgresql]\nuser = \"p\"\n[mongodb]\nuser = \"m\"\n",
                    .environment = {{"TRIBUTARY_POSTGRESQL__PASSWORD", "12345"}}}
          .good();
  const auto& telemetry = config.pipelines.at(0);
  REQUIRE(telemetry.is_postgresql());
  REQUIRE(telemetry.store_login.user == "p");
  REQUIRE(telemetry.store_login.password == "12345");
  REQUIRE(config.pipelines.at(1).is_mongodb());
  REQUIRE(config.pipelines.at(1).store_login.user == "m");
  REQUIRE(config.pipelines.at(2).is_sqlite());
  REQUIRE(config.pipelines.at(2).store_login.user.empty());
  says(describe(telemetry), "store postgresql://db/sensors as p table events");
  says(describe(config.pipelines.at(1)), "store mongodb://mongo/clicks as m collection events");
}

TEST_CASE("separate roles are good with Kafka and PostgreSQL") {
  const auto config =
      ConfigSources{.file =
                        "roles = [\"query\"]\n[[pipeline]]\nname = \"telemetry\"\nstream = "
                        "\"kafka://one\"\nstore = \"postgres://db/sensors\"\n"}
          .good();
  REQUIRE(config.pipelines.front().is_postgresql());
}

TEST_CASE("what is wrong with a store in PostgreSQL is told without its password") {
  const auto refused = [](const std::string& store) {
    const auto text = mistake("[[pipeline]]\nname = \"telemetry\"\nstore = \"" + store + "\"\n");
    says(text, "collector.toml:3");
    REQUIRE(text.find("secret") == std::string::npos);
    return text;
  };
  says(refused("postgresql://me:secret@db"), "names no database");
  says(refused("postgresql://me:secret@db:99999/x"), "port");
  says(refused("postgresql:me:secret@db/x"), "postgresql://host:port/database");
  says(refused("host=db password=secret dbname=x"), "is no store");
  says(refused("mysql://me:se?secret@db/x"), "is no store");
  says(refused("mysql://db/x?user=me&password=secret"), "is no store");
  for (const std::string uri :
       {"postgresql://me:secret@db/x", "postgresql://db/x?user=me&password=secret"}) {
    const auto text = mistake("", {"pipeline.telemetry.store=" + uri});
    says(text, "postgresql.password_file");
    REQUIRE(text.find("secret") == std::string::npos);
    const auto config =
        ConfigSources{.file = "[[pipeline]]\nname = \"telemetry\"\nstore = \"" + uri + "\"\n"}
            .good();
    REQUIRE(describe(config.pipelines.front()).find("secret") == std::string::npos);
  }
  says(mistake("", {"postgresql.password=secret"}), "command line");
}

TEST_CASE("a password of a database needs a user") {
  const auto refused = [](const std::string& store) {
    return ConfigSources{.file = "[[pipeline]]\nname = \"telemetry\"\nstore = \"" + store + "\"\n",
                         .environment = {{"TRIBUTARY_POSTGRESQL__PASSWORD", "secret"},
                                         {"TRIBUTARY_MONGODB__PASSWORD", "secret"}}}
        .mistakes();
  };
  says(refused("postgresql://db/x"), "postgresql.user: is missing");
  says(refused("mongodb://db/x"), "mongodb.user: is missing");
}

TEST_CASE("two pipelines may not share a table of one PostgreSQL, whoever logs in there") {
  const std::string one = "[[pipeline]]\nname = \"a\"\nschema = \"measurement\"\ntable = \"t\"\n";
  const std::string other = "[[pipeline]]\nname = \"b\"\nschema = \"measurement\"\ntable = \"t\"\n";
  says(mistake(one + "store = \"postgresql://me@db/x\"\n" + other +
               "store = \"postgres://db:5432/x\"\n"),
       "the pipelines a and b would share the table \"t\"");
  REQUIRE(
      read(one + "store = \"postgresql://db/x\"\n" + other + "store = \"postgresql://db/y\"\n"));
}

TEST_CASE("a stream, a store or a schema that this version doesn't have is named") {
  says(mistake("", {"pipeline.telemetry.stream=pulsar://127.0.0.1:6650"}), "pulsar://");
  says(mistake("", {"pipeline.telemetry.store=oracle:x"}), "oracle:x");
  says(mistake("[[pipeline]]\nname = \"x\"\n"), "\"x\" is neither a built-in schema");
  says(mistake("[[pipeline]]\nname = \"x\"\nschema = \"missing.json\"\n"), "missing.json");
}

TEST_CASE("subscriptions to devices' topics are read in order") {
  const auto config = read(
      "[[mqtt.subscription]]\ntopic = \"sensors/+/#\"\npipeline = \"telemetry\"\nfields = { "
      "sensor_id "
      "= 1, room = 2 }\nset = { location = { latitude = 50.4, longitude = 3.9 }, indoor = true }\n"
      "[[mqtt.subscription]]\ntopic = \"clicks\"\npipeline = \"clickstream\"\n");
  REQUIRE(config);
  const auto& rules = config->mqtt.subscriptions;
  REQUIRE(rules.size() == 2);
  REQUIRE(rules[0].filter == "sensors/+/#");
  REQUIRE(rules[0].pipeline == "telemetry");
  REQUIRE(rules[0].fields ==
          std::vector<std::pair<std::string, std::size_t>>{{"sensor_id", 1}, {"room", 2}});
  REQUIRE(rules[0].constants ==
          std::vector<std::pair<std::string, std::string>>{
              {"location", R"({"latitude":50.4,"longitude":3.9})"}, {"indoor", "true"}});
  REQUIRE(rules[1].adds_nothing());
}

TEST_CASE("a subscription that can't work is refused with its line") {
  const auto [members, words] = GENERATE(table<std::string, std::string>({
      {"topic = \"a/b+\"", "collector.toml:2: mqtt.subscription.0.topic: \"a/b+\" has a + that"},
      {"topic = \"a/#/b\"", "isn't its last level"},
      {"", "topic: \"\" is empty"},
      {"topic = \"#\"", "would also take what is sent on tributary/+/events/+"},
      {"topic = \"+/+/+/+\"", "tributary/+/events/+"},
      {"topic = \"+/+/status\"", "tributary/+/status"},
      {"topic = \"tributary/shed/reading\"", "below tributary/"},
      {"topic = \"$share/g/a\"", "mqtt.share"},
      {"topic = \"a/+\"\nfields = { sensor_id = 2 }",
       "collector.toml:3: mqtt.subscription.0.fields.sensor_id: "
       "there is no wildcard 2 in \"a/+\": it has 1"},
      {"topic = \"a/+\"\nfields = { sensor_id = 0 }", "number of a wildcard"},
      {"topic = \"a/+\"\nfields = { sensor_id = \"1\" }", "number of a wildcard"},
      {"topic = \"a/+\"\nfields = { _id = 1 }", "fields._id: is a reserved name"},
      {"topic = \"a/+\"\nfields = { _tributary_x = 1 }", "reserved name"},
      {"topic = \"a/+\"\nfields = { timestamp_ns = 1 }", "reserved name"},
      {"topic = \"a/+\"\nset = { _tributary = 1 }", "set._tributary: is a reserved name"},
      {"topic = \"a/+\"\nfields = { a = 1 }\nset = { a = 1 }", "set.a: is among `fields`, too"},
      {"topic = \"a/+\"\nset = { timestamp = \"2026-01-01T00:00:00Z\" }",
       "is the time of the event"},
      {"topic = \"a/+\"\nfilter = \"x\"", "filter"},
  }));
  says(mistake("[[mqtt.subscription]]\n" + members + "\npipeline = \"telemetry\"\n"), words);
}

TEST_CASE("a subscription names a pipeline that there is, and a filter stands once") {
  says(
      mistake("[[mqtt.subscription]]\ntopic = \"a\"\npipeline = \"nowhere\"\nfields = { x = 1 }\n"),
      "collector.toml:3: mqtt.subscription.0.pipeline: there is no pipeline \"nowhere\": there are "
      "telemetry, clickstream, measurement");
  const std::string twice = "[[mqtt.subscription]]\ntopic = \"a\"\npipeline = \"telemetry\"\n";
  says(mistake(twice + twice),
       "collector.toml:5: mqtt.subscription.1.topic: \"a\" is subscribed to already");
}
