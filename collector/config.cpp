#include "collector/config.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "collector/pipeline_config.h"
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
  const auto on_kafka = std::ranges::find_if(
      config.pipelines, [](const auto& pipeline) { return !pipeline.kafka.brokers.empty(); });
  if (on_kafka == config.pipelines.end()) return;
  auto options = on_kafka->kafka;
  if (options.user.empty() != options.password.empty()) return;  // refused already
  options.brokers = "127.0.0.1";
  if (const auto checked = check_kafka_options(options); !checked) {
    kafka.refuse(options.properties.empty() ? "tls" : "properties", checked.error().message());
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
  const auto login = [](const std::string& user) {
    return user.empty() ? std::string() : " as " + user;
  };
  return "schema " + pipeline.schema.id() + ", stream " + without_credentials(pipeline.stream) +
         login(pipeline.kafka.user) + " topic " + pipeline.topic + " group " + pipeline.group +
         ", store " + without_credentials(pipeline.store) + login(pipeline.store_login.user) + " " +
         (pipeline.is_mongodb() ? "collection " : "table ") + pipeline.table;
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
  KafkaOptions kafka;
  read_kafka(settings.table("kafka"), kafka);
  read_pipelines(settings, kafka, config);
  config.mqtt.subscriptions = read_subscriptions(settings.table("mqtt"), config.pipelines);
  check_kafka(settings.table("kafka"), config);
  check_roles(settings, config);
  TRIBUTARY_TRY(settings.finish());
  return config;
}

}  // namespace tributary::collector
