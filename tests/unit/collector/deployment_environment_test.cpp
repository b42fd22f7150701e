// The variables of deployments that are older than this program.

#include "collector/deployment_environment.h"

#include "tests/unit/collector/config_fixture.h"

using namespace tributary;
using namespace tributary::collector;

namespace {

using Environment = std::map<std::string, std::string>;

const PipelineConfig& clickstream(const Config& config) {
  const auto found = std::ranges::find(config.pipelines, "clickstream", &PipelineConfig::name);
  REQUIRE(found != config.pipelines.end());
  return *found;
}

Config good(Environment environment, std::string file = {}) {
  return ConfigSources{.file = std::move(file), .environment = std::move(environment)}.good();
}

std::string mistakes(Environment environment, std::string file = {}) {
  return ConfigSources{.file = std::move(file), .environment = std::move(environment)}.mistakes();
}

const Environment kAll{{"KAFKA_BOOTSTRAP_SERVERS", "one:9092, two"},
                       {"KAFKA_SASL_USER", "kafka user"},
                       {"KAFKA_SASL_PASS", "kafka=secret#1"},
                       {"KAFKA_TOPIC", "clicks"},
                       {"KAFKA_GROUP_ID", "Web.Ingestors"},
                       {"DB_HOST", "db"},
                       {"DB_PORT", "5433"},
                       {"DB_NAME", "a b/c%?"},
                       {"DB_USER", "me@home"},
                       {"DB_PASS", "p@ss/w:rd?#%"}};

}  // namespace

TEST_CASE("variables of older deployments say where the clickstream goes") {
  const auto config = good(kAll);
  const auto& pipeline = clickstream(config);
  REQUIRE(pipeline.stream == "kafka://one:9092,two");
  REQUIRE(pipeline.kafka.brokers == "one:9092,two:9092");
  REQUIRE(pipeline.kafka.user == "kafka user");
  REQUIRE(pipeline.kafka.password == "kafka=secret#1");
  REQUIRE(pipeline.kafka.mechanism == "PLAIN");
  REQUIRE(pipeline.topic == "clicks");
  REQUIRE(pipeline.group == "Web.Ingestors");
  REQUIRE(pipeline.store == "postgresql://db:5433/a%20b%2Fc%25%3F");
  REQUIRE(pipeline.store_login.user == "me@home");
  REQUIRE(pipeline.store_login.password == "p@ss/w:rd?#%");
  REQUIRE(pipeline.table == "events");
  REQUIRE(config.notes.empty());
  const auto described = describe(pipeline);
  says(described, "stream kafka://one:9092,two as kafka user topic clicks group Web.Ingestors");
  says(described, "store postgresql://db:5433/a%20b%2Fc%25%3F as me@home table events");
  REQUIRE(described.find("secret") == std::string::npos);
  REQUIRE(described.find("p@ss") == std::string::npos);
}

TEST_CASE("with variables of older deployments the other pipelines stay as they are") {
  const auto config = good(kAll);
  REQUIRE(config.pipelines.size() == 3);
  for (const auto* name : {"telemetry", "measurement"}) {
    const auto& other = *std::ranges::find(config.pipelines, name, &PipelineConfig::name);
    REQUIRE(other.is_embedded());
    REQUIRE(other.is_sqlite());
    REQUIRE(other.kafka.user.empty());
    REQUIRE(other.store_login.user.empty());
  }
  const auto beside = good(kAll,
                           "[[pipeline]]\nname = \"telemetry\"\nstream = \"kafka://own\"\n"
                           "[[pipeline]]\nname = \"clickstream\"\n");
  REQUIRE(beside.pipelines.front().kafka.brokers == "own:9092");
  REQUIRE(beside.pipelines.front().kafka.user.empty());
  REQUIRE(beside.pipelines.front().kafka.mechanism == "SCRAM-SHA-512");
  REQUIRE(clickstream(beside).kafka.user == "kafka user");
}

TEST_CASE("with variables alone a clickstream of its own can have its roles apart") {
  const auto config = good(kAll, "roles = [\"persist\"]\n[[pipeline]]\nname = \"clickstream\"\n");
  REQUIRE(config.pipelines.size() == 1);
  REQUIRE(!config.ingest);
}

TEST_CASE("servers and a database host are enough") {
  const auto config = good({{"KAFKA_BOOTSTRAP_SERVERS", "one"}, {"DB_HOST", "db"}});
  const auto& pipeline = clickstream(config);
  REQUIRE(pipeline.topic == "raw_events");
  REQUIRE(pipeline.group == "event_ingestors");
  REQUIRE(pipeline.kafka.user.empty());
  REQUIRE(pipeline.store == "postgresql://db:5432/events_db");
  REQUIRE(clickstream(good({{"KAFKA_BOOTSTRAP_SERVERS", "one"}})).is_sqlite());
  REQUIRE(clickstream(good({{"DB_HOST", "db"}})).is_embedded());
}

TEST_CASE("a database host may be an address, a list or the directory of a socket") {
  const auto [host, store] = GENERATE(table<std::string, std::string>({
      {"10.0.0.7", "postgresql://10.0.0.7:5432/events_db"},
      {"::1", "postgresql://[::1]:5432/events_db"},
      {"[fe80::1]", "postgresql://[fe80::1]:5432/events_db"},
      {"a,b", "postgresql://a%2Cb:5432/events_db"},
      {"/run/postgresql", "postgresql://%2Frun%2Fpostgresql:5432/events_db"},
  }));
  REQUIRE(clickstream(good({{"DB_HOST", host}})).store == store);
}

TEST_CASE("variables of the environment go over those of .env, and empty ones are none") {
  const auto config =
      ConfigSources{.environment = {{"DB_HOST", "environment"}, {"DB_NAME", ""}},
                    .dotenv = "DB_HOST=dotenv\nDB_NAME=\"my events\"\nexport DB_USER='me'\n"}
          .good();
  REQUIRE(clickstream(config).store == "postgresql://environment:5432/my%20events");
  REQUIRE(clickstream(config).store_login.user == "me");
  REQUIRE(clickstream(good({{"DB_HOST", ""}, {"KAFKA_BOOTSTRAP_SERVERS", ""}})).is_sqlite());
}

TEST_CASE("our own settings are stronger than variables of older deployments, and that is told") {
  auto environment = kAll;
  environment["TRIBUTARY_PIPELINE__CLICKSTREAM__TOPIC"] = "ours";
  environment["TRIBUTARY_KAFKA__PASSWORD"] = "our password";
  environment["TRIBUTARY_POSTGRESQL__USER"] = "our user";
  environment["TRIBUTARY_KAFKA__MECHANISM"] = "SCRAM-SHA-256";
  const auto config = good(environment);
  const auto& pipeline = clickstream(config);
  REQUIRE(pipeline.topic == "ours");
  REQUIRE(pipeline.kafka.user == "kafka user");
  REQUIRE(pipeline.kafka.password == "our password");
  REQUIRE(pipeline.kafka.mechanism == "SCRAM-SHA-256");
  REQUIRE(pipeline.store_login.user == "our user");
  REQUIRE(pipeline.store_login.password == "p@ss/w:rd?#%");
  REQUIRE(config.notes ==
          std::vector<std::string>{
              "KAFKA_SASL_PASS has no effect: kafka.password (environment "
              "TRIBUTARY_KAFKA__PASSWORD) is stronger",
              "KAFKA_TOPIC has no effect: pipeline.clickstream.topic (environment "
              "TRIBUTARY_PIPELINE__CLICKSTREAM__TOPIC) is stronger",
              "DB_USER has no effect: postgresql.user (environment TRIBUTARY_POSTGRESQL__USER) is "
              "stronger"});
}

TEST_CASE(
    "where the configuration names the stream or the store, the variables for it say nothing") {
  const auto config = good(kAll,
                           "[[pipeline]]\nname = \"clickstream\"\nstream = \"kafka://ours\"\n"
                           "store = \"postgresql://ours/db\"\n");
  const auto& pipeline = clickstream(config);
  REQUIRE(pipeline.kafka.brokers == "ours:9092");
  REQUIRE(pipeline.kafka.user.empty());
  REQUIRE(pipeline.topic == "clicks");
  REQUIRE(pipeline.group == "Web.Ingestors");
  REQUIRE(pipeline.store == "postgresql://ours/db");
  REQUIRE(pipeline.store_login.user.empty());
  REQUIRE(config.notes.size() == 8);
  const auto embedded =
      good(kAll, "[[pipeline]]\nname = \"clickstream\"\nstream = \"embedded:\"\n");
  REQUIRE(clickstream(embedded).topic == "raw_events");
  REQUIRE(embedded.notes.size() == 5);
}

TEST_CASE("without a pipeline clickstream variables of older deployments have no effect") {
  const auto config = good(kAll, "[[pipeline]]\nname = \"telemetry\"\n");
  REQUIRE(config.pipelines.size() == 1);
  REQUIRE(config.notes.size() == kAll.size());
  says(config.notes.back(), "DB_PASS has no effect: there is no pipeline clickstream");
}

TEST_CASE("a variable that says nothing without another one is refused") {
  for (const std::string name :
       {"KAFKA_TOPIC", "KAFKA_GROUP_ID", "KAFKA_SASL_USER", "KAFKA_SASL_PASS"}) {
    says(mistakes({{name, "secret"}}),
         "environment: " + name + ": says nothing without KAFKA_BOOTSTRAP_SERVERS");
  }
  for (const std::string name : {"DB_PORT", "DB_NAME", "DB_USER", "DB_PASS"}) {
    const auto text = mistakes({{name, "secret"}});
    says(text, "environment: " + name + ": says nothing without DB_HOST");
    REQUIRE(text.find("secret") == std::string::npos);
  }
  says(mistakes({{"KAFKA_BOOTSTRAP_SERVERS", "one"}, {"KAFKA_SASL_USER", "me"}}),
       "KAFKA_SASL_USER: needs KAFKA_SASL_PASS");
  says(mistakes({{"KAFKA_BOOTSTRAP_SERVERS", "one"}, {"KAFKA_SASL_PASS", "secret"}}),
       "KAFKA_SASL_PASS: needs KAFKA_SASL_USER");
  says(mistakes({{"DB_HOST", "db"}, {"DB_PASS", "secret"}}), "DB_PASS: needs DB_USER");
}

TEST_CASE("a bad value of a variable is refused by its name and place") {
  const auto text =
      ConfigSources{.dotenv =
                        "# old\nKAFKA_BOOTSTRAP_SERVERS=SASL_SSL://one:9092\nDB_HOST=db\n"
                        "DB_PORT=five\nKAFKA_GROUP_ID=a b\n"}
          .mistakes();
  says(text, ".env:2: KAFKA_BOOTSTRAP_SERVERS: \"SASL_SSL://one:9092\" is no broker's host:port");
  says(text, ".env:4: DB_PORT: \"five\" is no port");
  says(text, ".env:5: KAFKA_GROUP_ID: \"a b\" is no group");
  says(mistakes({{"KAFKA_BOOTSTRAP_SERVERS", "one"}, {"KAFKA_TOPIC", "clicks.dead"}}),
       "environment: KAFKA_TOPIC: \"clicks.dead\" is the name of dead letters");
  says(mistakes({{"DB_HOST", "db:5433"}}), "environment: DB_HOST: \"db:5433\" is no host");
  for (const auto* host : {"u:SECRET@db", " ", "db?sslmode=require"}) {
    const auto said = mistakes({{"DB_HOST", host}});
    says(said, "environment: DB_HOST: is no host");
    REQUIRE(said.find("SECRET") == std::string::npos);
  }
  says(mistakes({{"DB_HOST", "db"}, {"DB_PORT", "65536"}}), "DB_PORT");
}
