#include "collector/config.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "collector/pipeline.h"
#include "collector/store/mongodb_store.h"
#include "collector/subscription_config.h"
#include "shared/config/access.h"
#include "shared/http/cors.h"
#include "shared/http/gzip.h"
#include "shared/mqtt/url.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 3> kRoles{"ingest", "persist", "query"};

// The broker drops what is larger, after its PUBACK: MQTT 5 gives a subscriber no other way to say
// no.
constexpr std::uint32_t kMqttPacketSizeMax = 64U << 20;

bool is_pipeline_name(std::string_view name) {
  const auto lower_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 63 && lower_or_digit(name.front()) &&
         std::ranges::all_of(name,
                             [&](char c) { return lower_or_digit(c) || c == '_' || c == '-'; });
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail_errno("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

void read_roles(const Settings& settings, Config& config) {
  if (!settings.has("roles")) return;
  const auto roles = settings.strings("roles");
  for (const auto& role : roles) {
    if (std::ranges::find(kRoles, role) == kRoles.end()) {
      settings.refuse("roles", "\"" + role + "\" is no role: there are ingest, persist and query");
    }
  }
  const auto has = [&](std::string_view role) {
    return std::ranges::find(roles, role) != roles.end();
  };
  config.ingest = has("ingest");
  config.persist = has("persist");
  config.query = has("query");
  if (roles.empty())
    settings.refuse("roles", "is empty: name at least one of ingest, persist and query");
}

void read_mqtt(const Settings& mqtt, Config::Mqtt& config) {
  auto& options = config.options;
  options.url = mqtt.string("url", "mqtt://127.0.0.1:1883");
  config.enabled = !options.url.empty();
  if (config.enabled) {
    if (const auto url = parse_mqtt_url(options.url); !url)
      mqtt.refuse("url", url.error().message());
  }
  options.user = mqtt.string("user");
  options.password = read_password(mqtt);
  options.packet_size_max = kMqttPacketSizeMax;
  const auto tls = mqtt.table("tls");
  options.tls.ca_file = read_file_path(tls, "ca");
  options.tls.certificate_file = read_file_path(tls, "certificate");
  options.tls.key_file = read_file_path(tls, "key");
  options.client_id = mqtt.string("client_id");
  options.keepalive =
      std::chrono::duration_cast<std::chrono::seconds>(mqtt.duration("keepalive", 30s, 5s, 18h));
  options.receive_maximum =
      static_cast<std::uint16_t>(mqtt.integer("receive_maximum", 5000, 1, 65'535));
  config.share = mqtt.string("share");
  if (config.share.find_first_of("/+#") != std::string::npos) {
    mqtt.refuse("share", "is the name of a shared subscription: it can't contain /, + or #");
  }
  config.receipt_topics = mqtt.strings("receipt_topics", config.receipt_topics);
}

void read_http(const Settings& http, const Config& roles, Config::Http& config) {
  std::vector<std::string> listen{"127.0.0.1:8000", "127.0.0.1:8001", "127.0.0.1:8002"};
  if (!(roles.ingest && roles.persist && roles.query)) {
    listen.clear();
    if (roles.ingest) listen.emplace_back("127.0.0.1:8000");
    if (roles.query) listen.emplace_back("127.0.0.1:8001");
    if (roles.persist) listen.emplace_back("127.0.0.1:8002");
  }
  config.front = read_front(http, listen, config.options);
  config.options.threads = static_cast<std::size_t>(http.integer("threads", 1, 1, 64));
  config.options.workers = static_cast<std::size_t>(http.integer("workers", 4, 1, 256));
  config.options.body_size_max = http.bytes("body_size_max", 8U << 20, 1024, 1U << 30);
  config.options.connections_max =
      static_cast<std::size_t>(http.integer("connections_max", 1000, 1, 100'000));
  config.options.idle_timeout = http.duration("idle_timeout", 60s, 1s, 1h);
  config.options.gzip = make_gzip;
  config.options.cors_origins = http.table("cors").strings("origins");
  for (const auto& origin : config.options.cors_origins) {
    if (origin == "*" || is_origin(origin)) continue;
    http.table("cors").refuse("origins",
                              "\"" + origin +
                                  "\" is no origin of a page: write \"https://example.org\", with "
                                  "the port if it has one and nothing behind it, or \"*\" for all");
  }
  config.ingest_timeout = http.duration("ingest_timeout", 10s, 100ms, 10min);
  config.queue_bytes_max = http.bytes("queue_size", 256U << 20, 1U << 20, 1ULL << 40);
}

// librdkafka's names have dots, which are tables of TOML where nobody quotes them.
void add_property(const std::string& name, const nlohmann::json& value,
                  std::map<std::string, std::string>& properties) {
  if (value.is_object()) {
    for (const auto& [inner, part] : value.items()) {
      add_property(std::string(name).append(".").append(inner), part, properties);
    }
  } else {
    properties[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
}

void read_embedded(const Settings& embedded, Config::Embedded& config) {
  config.size_max = embedded.bytes("size", config.size_max, 1U << 20, 1ULL << 44);
  config.dead_letters_size_max =
      embedded.bytes("dead_letters_size", config.dead_letters_size_max, 1U << 20, 1ULL << 44);
}

void read_kafka(const Settings& kafka, KafkaOptions& config) {
  constexpr std::array<std::string_view, 3> kMechanisms{"SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"};
  config.user = kafka.string("user");
  config.password = read_password(kafka);
  config.mechanism = kafka.choice("mechanism", config.mechanism, kMechanisms);
  const auto tls = kafka.table("tls");
  config.tls.ca_file = read_file_path(tls, "ca");
  config.tls.certificate_file = read_file_path(tls, "certificate");
  config.tls.key_file = read_file_path(tls, "key");
  config.tls.enabled = tls.boolean("enabled", !config.tls.ca_file.empty());
  config.partitions = static_cast<int>(kafka.integer("partitions", config.partitions, 1, 10'000));
  config.replication = static_cast<int>(kafka.integer("replication", config.replication, -1, 100));
  config.retention = std::chrono::floor<std::chrono::hours>(
      kafka.duration("retention", config.retention, 1h, 24h * 3650));
  config.dead_letters_size_max =
      kafka.bytes("dead_letters_size", config.dead_letters_size_max, 1U << 20, 1ULL << 44);
  config.queue_size = kafka.bytes("queue_size", config.queue_size, 1U << 20, 2ULL << 30);
  for (const auto& [name, json] : kafka.table("properties").entries()) {
    add_property(name, nlohmann::json::parse(json), config.properties);
  }
}

// What librdkafka thinks of it; makes clients, so only when there is a use for them.
void check_kafka(const Settings& kafka, const Config& config) {
  if (std::ranges::all_of(config.pipelines, &PipelineConfig::is_embedded)) return;
  if (config.kafka.user.empty() != config.kafka.password.empty()) {
    kafka.refuse("user", "needs a password, and a password a user");
    return;
  }
  auto options = config.kafka;
  options.brokers = "127.0.0.1";
  if (const auto checked = check_kafka_options(options); !checked) {
    kafka.refuse(options.properties.empty() ? "tls" : "properties", checked.error().message());
  }
}

// The schema of that name, or in that file.
Result<Schema> find_schema(const std::string& pipeline, const std::string& schema) {
  auto built_in = Schema::built_in(schema);
  if (built_in) return built_in;
  if (!schema.ends_with(".json")) {
    return fail(errc::invalid_argument,
                "\"" + schema +
                    "\" is neither a built-in schema (telemetry, clickstream, "
                    "measurement) nor the path of a .json file");
  }
  TRIBUTARY_ASSIGN(const auto text, read_file(schema));
  auto parsed = Schema::parse(pipeline, text);
  if (!parsed) return std::unexpected(parsed.error().within(schema));
  return parsed;
}

// What Kafka allows in the name of a topic; it names files, too.
bool is_topic_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  constexpr std::size_t kLengthMax = 249;
  return !name.empty() && name.size() <= kLengthMax && name != "." && name != ".." &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool is_table_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return !name.empty() && (name.front() < '0' || name.front() > '9') &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

void check_names(const Settings& settings, const PipelineConfig& pipeline) {
  if (pipeline.topic.ends_with(".dead") || pipeline.topic == kUnroutedTopic) {
    settings.refuse("topic",
                    "\"" + pipeline.topic + "\" is the name of dead letters: choose another");
  } else if (!is_topic_name(pipeline.topic)) {
    settings.refuse("topic",
                    "\"" + pipeline.topic + "\" is no topic: letters, digits, '.', '_' and '-'");
  }
  if (!is_table_name(pipeline.table) && !is_pipeline_name(pipeline.table)) {
    settings.refuse("table", "\"" + pipeline.table + "\" is no table: letters, digits and _");
  }
  if (!is_pipeline_name(pipeline.group)) {
    settings.refuse("group", "\"" + pipeline.group +
                                 "\" is no group: lower-case letters, digits, - and _, at most 63");
  }
}

void check_stream(const Settings& settings, const PipelineConfig& pipeline) {
  if (pipeline.is_embedded()) return;
  if (!pipeline.stream.starts_with("kafka:")) {
    settings.refuse("stream", "\"" + without_credentials(pipeline.stream) +
                                  "\" is no stream: write \"embedded:\" or \"kafka://host:9092\"");
    return;
  }
  if (const auto brokers = parse_kafka_url(pipeline.stream); !brokers) {
    settings.refuse("stream", brokers.error().message());
  }
}

void check_store(const Settings& settings, const PipelineConfig& pipeline) {
  if (pipeline.is_sqlite()) return;
  if (!pipeline.store.starts_with("mongodb:") && !pipeline.store.starts_with("mongodb+srv:")) {
    settings.refuse("store", "\"" + without_credentials(pipeline.store) +
                                 "\" is no store that this version has: write \"sqlite:\", "
                                 "\"sqlite:/path/file.db\" or \"mongodb://host:27017/database\"");
    return;
  }
  if (settings.place("store").starts_with("--set") &&
      without_credentials(pipeline.store) != pipeline.store) {
    settings.refuse("store",
                    "other users of this machine can see a password on the command line: use "
                    "mongodb.user and mongodb.password_file, or the environment");
  }
  if (const auto uri = check_mongodb_uri(pipeline.store); !uri) {
    settings.refuse("store", uri.error().message());
  }
}

// A pipeline as it is when its configuration says nothing but its name.
PipelineConfig default_pipeline(const std::string& name, Schema schema) {
  PipelineConfig pipeline{.name = name,
                          .schema = std::move(schema),
                          .topic = name,
                          .group = "persisters",
                          .table = name};
  if (name == "telemetry") {
    pipeline.topic = "sensor-events";
    pipeline.table = "events";
  } else if (name == "clickstream") {
    pipeline.topic = "raw_events";
    pipeline.group = "event_ingestors";
    pipeline.table = "events";
  }
  return pipeline;
}

std::optional<PipelineConfig> read_pipeline(const Settings& settings) {
  const auto name = settings.string("name");
  if (!is_pipeline_name(name)) {
    settings.refuse(
        "name",
        "\"" + name + "\" is no pipeline name: lower-case letters, digits, - and _, at most 63");
    return std::nullopt;
  }
  auto schema = find_schema(name, settings.string("schema", name));
  if (!schema) settings.refuse("schema", schema.error().message());
  auto pipeline = default_pipeline(name, schema ? *schema : *Schema::built_in("telemetry"));
  pipeline.stream = settings.string("stream", pipeline.stream);
  pipeline.topic = settings.string("topic", pipeline.topic);
  pipeline.group = settings.string("group", pipeline.group);
  pipeline.store = settings.string("store", pipeline.store);
  pipeline.table =
      settings.string(settings.has("collection") ? "collection" : "table", pipeline.table);
  check_names(settings, pipeline);
  check_stream(settings, pipeline);
  check_store(settings, pipeline);
  return pipeline;
}

// Those of the file; without any, the built-in ones, changed or joined by what the environment and
// --set say of a pipeline.
std::vector<PipelineConfig> read_pipelines(const Settings& settings) {
  std::vector<PipelineConfig> pipelines;
  if (settings.tables("pipeline").empty()) {
    for (const auto name : Schema::built_in_names()) {
      pipelines.push_back(default_pipeline(std::string(name), *Schema::built_in(name)));
    }
  }
  for (const auto& table : settings.named_tables("pipeline")) {
    auto pipeline = read_pipeline(table);
    if (!pipeline) continue;
    const auto same = std::ranges::find(pipelines, pipeline->name, &PipelineConfig::name);
    if (same != pipelines.end()) {
      *same = *std::move(pipeline);
    } else {
      pipelines.push_back(*std::move(pipeline));
    }
  }
  return pipelines;
}

// Two pipelines must not share a topic nor a table.
void check_apart(const Settings& settings, const Config& config) {
  std::map<std::string, std::string> topics;
  std::map<std::string, std::string> tables;
  for (const auto& pipeline : config.pipelines) {
    const auto claim = [&](auto& taken, const std::string& place, const std::string& what) {
      const auto [first, is_new] = taken.emplace(place, pipeline.name);
      if (is_new) return;
      settings.refuse("pipeline", "the pipelines " + first->second + " and " + pipeline.name +
                                      " would share " + what + ": give one of them another");
    };
    claim(topics, parse_kafka_url(pipeline.stream).value_or(pipeline.stream) + " " + pipeline.topic,
          "the topic \"" + pipeline.topic + "\"");
    const auto store = pipeline.is_sqlite()
                           ? sqlite_file(config, pipeline).string()
                           : check_mongodb_uri(pipeline.store).value_or(pipeline.store);
    claim(tables, store + " " + pipeline.table,
          "the table \"" + pipeline.table + "\" of one store");
  }
}

void check_roles(const Settings& settings, const Config& config) {
  if (config.ingest && config.persist && config.query) return;
  for (const auto& pipeline : config.pipelines) {
    if (pipeline.is_embedded() || pipeline.is_sqlite()) {
      settings.refuse("roles", "separate roles need Kafka and a server store: pipeline " +
                                   pipeline.name + " has " + pipeline.stream + " and " +
                                   without_credentials(pipeline.store));
      return;
    }
  }
}

}  // namespace

std::filesystem::path sqlite_file(const Config& config, const PipelineConfig& pipeline) {
  const auto path = pipeline.store.substr(std::string_view("sqlite:").size());
  if (path.empty()) return config.data / (pipeline.name + ".db");
  return path;
}

std::string describe(const PipelineConfig& pipeline) {
  return "schema " + pipeline.schema.id() + ", stream " + without_credentials(pipeline.stream) +
         " topic " + pipeline.topic + " group " + pipeline.group + ", store " +
         without_credentials(pipeline.store) + " " +
         (pipeline.is_sqlite() ? "table " : "collection ") + pipeline.table;
}

Result<Config> read_config(const Settings& settings,
                           const std::map<std::string, std::string>& environment) {
  Config config;
  read_roles(settings, config);
  config.data = settings.string("data", default_state_directory(environment));
  if (config.data.empty())
    settings.refuse("data", "is empty: it is the directory that everything is kept in");
  read_mqtt(settings.table("mqtt"), config.mqtt);
  read_http(settings.table("http"), config, config.http);
  read_embedded(settings.table("embedded"), config.embedded);
  read_kafka(settings.table("kafka"), config.kafka);
  const auto mongodb = settings.table("mongodb");
  config.mongodb.user = mongodb.string("user");
  config.mongodb.password = read_password(mongodb);
  config.pipelines = read_pipelines(settings);
  config.mqtt.subscriptions = read_subscriptions(settings.table("mqtt"), config.pipelines);
  check_kafka(settings.table("kafka"), config);
  check_apart(settings, config);
  check_roles(settings, config);
  TRIBUTARY_TRY(settings.finish());
  return config;
}

}  // namespace tributary::collector
