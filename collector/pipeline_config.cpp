#include "collector/pipeline_config.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include "collector/deployment_environment.h"
#include "collector/pipeline.h"
#include "collector/store/mongodb_store.h"
#include "collector/store/postgresql_connection.h"
#include "collector/store/postgresql_layout.h"
#include "collector/store/postgresql_store.h"
#include "collector/store/sqlite_layout.h"
#include "shared/config/access.h"

namespace tributary::collector {
namespace {

// What older variables speak of.
constexpr std::string_view kClickstream = "clickstream";

bool is_pipeline_name(std::string_view name) {
  const auto lower_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 63 && lower_or_digit(name.front()) &&
         std::ranges::all_of(name,
                             [&](char c) { return lower_or_digit(c) || c == '_' || c == '-'; });
}

// What Kafka allows in the name of a topic, and tools expect in that of a group.
bool is_kafka_name(std::string_view name) {
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

Result<std::string> read_file(const std::string& path) {
  std::error_code unknown;
  std::ifstream file(path, std::ios::binary);
  if (file && !std::filesystem::is_directory(path, unknown)) {
    return std::string(std::istreambuf_iterator(file), {});
  }
  if (file) errno = EISDIR;
  auto unread = fail_errno("cannot read " + path);
  const auto here = std::filesystem::current_path(unknown).string();
  if (path.starts_with('/') || unknown) return unread;
  return std::unexpected(unread.error().within("in the working directory " + here));
}

// The schema of that name, or in that file.
Result<Schema> find_schema(const std::string& pipeline, const std::string& schema) {
  auto built_in = Schema::built_in(schema);
  if (built_in) return built_in;
  if (!schema.ends_with(".json")) {
    return fail(errc::invalid_argument,
                "\"" + schema +
                    "\" is neither a built-in schema (telemetry, clickstream, "
                    "measurement) nor the path of a .json file: say schema = \"….json\"");
  }
  TRIBUTARY_ASSIGN(const auto text, read_file(schema));
  auto parsed = Schema::parse(pipeline, text);
  if (!parsed) return std::unexpected(parsed.error().within(schema));
  return parsed;
}

// Who logs in at the stores that are servers.
struct Logins {
  Login mongodb;
  Login postgresql;
};

Login read_login(const Settings& table) {
  return {.user = table.string("user"), .password = read_password(table)};
}

// One pipeline: what is said of it, and where.
class PipelineReader {
 public:
  // `own`: its table; nullptr: there is none.
  PipelineReader(const Settings& settings, const Settings* own,
                 const DeploymentEnvironment& environment)
      : settings_(settings), own_(own), environment_(environment) {}

  PipelineConfig read(const std::string& name, const KafkaOptions& kafka,
                      const Logins& logins) const {
    auto schema = find_schema(name, string("schema", name));
    if (!schema) refuse("schema", schema.error().message());
    auto pipeline = defaults(name, schema ? *std::move(schema) : *Schema::built_in("telemetry"));
    pipeline.stream = string("stream", pipeline.stream);
    pipeline.topic = string("topic", pipeline.topic);
    pipeline.group = string("group", pipeline.group);
    pipeline.store = string("store", pipeline.store);
    if (has("collection") && has("table")) {
      refuse("table", "means the same as collection: leave one of them out");
    }
    // In SQL a name with a hyphen would always need quotes; SQLite's tables have none.
    if (!pipeline.is_mongodb()) std::ranges::replace(pipeline.table, '-', '_');
    pipeline.table = string(table_key(), pipeline.table);
    check_names(pipeline);
    if (check_stream(pipeline)) read_kafka(kafka, pipeline);
    if (check_store(pipeline)) {
      check_table(pipeline);
      read_store_login(logins, pipeline);
    }
    return pipeline;
  }

 private:
  [[nodiscard]] const char* table_key() const { return has("collection") ? "collection" : "table"; }
  [[nodiscard]] bool has(std::string_view key) const { return own_ != nullptr && own_->has(key); }
  [[nodiscard]] std::string string(std::string_view key, const std::string& absent) const {
    return own_ == nullptr ? absent : own_->string(key, absent);
  }

  // At the place that says it.
  void refuse(std::string_view key, const std::string& reason) const {
    if (!has(key) && environment_says(key)) {
      settings_.refuse_variable(deployment_variable(key), reason);
    } else {
      (own_ != nullptr ? *own_ : settings_).refuse(key, reason);
    }
  }

  [[nodiscard]] bool environment_says(std::string_view key) const {
    return (key == "stream" && !environment_.stream.empty()) ||
           (key == "topic" && !environment_.topic.empty()) ||
           (key == "group" && !environment_.group.empty()) ||
           (key == "store" && !environment_.store.empty());
  }

  // A pipeline of which our settings say nothing but its name.
  [[nodiscard]] PipelineConfig defaults(const std::string& name, Schema schema) const {
    PipelineConfig pipeline{.name = name,
                            .schema = std::move(schema),
                            .topic = name,
                            .group = "persisters",
                            .table = name};
    if (name == "telemetry") {
      pipeline.topic = "sensor-events";
      pipeline.table = "events";
    } else if (name == kClickstream) {
      pipeline.topic = "raw_events";
      pipeline.group = "event_ingestors";
      pipeline.table = "events";
    }
    const auto set = [](std::string& to, const std::string& said) {
      if (!said.empty()) to = said;
    };
    set(pipeline.stream, environment_.stream);
    set(pipeline.topic, environment_.topic);
    set(pipeline.group, environment_.group);
    set(pipeline.store, environment_.store);
    return pipeline;
  }

  void check_names(const PipelineConfig& pipeline) const {
    if (pipeline.topic.ends_with(".dead") || pipeline.topic == kUnroutedTopic) {
      refuse("topic", "\"" + pipeline.topic + "\" is the name of dead letters: choose another");
    } else if (!is_kafka_name(pipeline.topic)) {
      refuse("topic", "\"" + pipeline.topic + "\" is no topic: letters, digits, '.', '_' and '-'");
    }
    // The embedded stream names a file by it.
    if (pipeline.is_embedded() ? !is_pipeline_name(pipeline.group)
                               : !is_kafka_name(pipeline.group)) {
      refuse("group", "\"" + pipeline.group +
                          (pipeline.is_embedded()
                               ? "\" is no group: lower-case letters, digits, - and _, at most 63"
                               : "\" is no group: letters, digits, '.', '_' and '-'"));
    }
  }

  [[nodiscard]] bool check_stream(const PipelineConfig& pipeline) const {
    if (pipeline.is_embedded()) return true;
    if (!pipeline.stream.starts_with("kafka:")) {
      refuse("stream", "\"" + without_credentials(pipeline.stream) +
                           "\" is no stream: write \"embedded:\" or \"kafka://host:9092\"");
      return false;
    }
    const auto brokers = parse_kafka_url(pipeline.stream);
    if (!brokers) refuse("stream", brokers.error().message());
    return brokers.has_value();
  }

  void read_kafka(const KafkaOptions& kafka, PipelineConfig& pipeline) const {
    if (pipeline.is_embedded()) return;
    auto& options = pipeline.kafka = kafka;
    options.brokers = *parse_kafka_url(pipeline.stream);
    const auto table = settings_.table("kafka");
    if (!environment_.kafka_user.empty()) {
      options.user = environment_.kafka_user;
      if (!table.has("mechanism")) options.mechanism = "PLAIN";
    }
    if (!environment_.kafka_password.empty()) options.password = environment_.kafka_password;
    if (options.user.empty() == options.password.empty()) return;
    if (options.user.empty() && !environment_.kafka_password.empty()) {
      settings_.refuse_variable("KAFKA_SASL_PASS", "needs KAFKA_SASL_USER");
    } else if (options.password.empty() && !environment_.kafka_user.empty()) {
      settings_.refuse_variable("KAFKA_SASL_USER", "needs KAFKA_SASL_PASS");
    } else {
      table.refuse("user", "needs a password, and a password a user (the pipeline " +
                               pipeline.name + " is on Kafka)");
    }
  }

  [[nodiscard]] bool check_store(const PipelineConfig& pipeline) const {
    if (pipeline.is_sqlite()) return true;
    if (!pipeline.is_mongodb() && !pipeline.is_postgresql()) {
      refuse("store", "\"" + without_credentials(pipeline.store) +
                          "\" is no store: write \"sqlite:\", \"sqlite:/path/file.db\", "
                          "\"mongodb://host:27017/database\" or "
                          "\"postgresql://host:5432/database\"");
      return false;
    }
    if (own_ != nullptr && own_->place("store").starts_with("--set") &&
        without_credentials(pipeline.store) != pipeline.store) {
      const std::string section = pipeline.is_mongodb() ? "mongodb" : "postgresql";
      refuse("store", "other users of this machine can see a password on the command line: use " +
                          section + ".user and " + section + ".password_file, or the environment");
      return false;
    }
    const auto uri = pipeline.is_mongodb() ? check_mongodb_uri(pipeline.store)
                                           : check_postgresql_uri(pipeline.store);
    if (!uri) refuse("store", uri.error().message());
    return uri.has_value();
  }

  // What the store would say of the table when it is opened, and of the schema.
  void check_table(const PipelineConfig& pipeline) const {
    const auto told = [&](std::string_view key, const auto& result) {
      if (!result) refuse(key, result.error().message());
    };
    if (pipeline.is_sqlite()) {
      told(table_key(), SqliteLayout::of(pipeline.table, pipeline.schema));
    } else if (pipeline.is_postgresql()) {
      told(table_key(), PostgresqlTarget::of(pipeline.store, "", "", pipeline.table));
      told("schema", PostgresqlLayout::of(pipeline.schema, pipeline.table));
    } else if (!is_table_name(pipeline.table) && !is_pipeline_name(pipeline.table)) {
      refuse(table_key(), "\"" + pipeline.table + "\" is no collection: letters, digits, - and _");
    }
  }

  void read_store_login(const Logins& logins, PipelineConfig& pipeline) const {
    if (pipeline.is_sqlite()) return;
    auto& login = pipeline.store_login = pipeline.is_mongodb() ? logins.mongodb : logins.postgresql;
    if (!environment_.database_user.empty()) login.user = environment_.database_user;
    if (!environment_.database_password.empty()) login.password = environment_.database_password;
    if (!login.user.empty() || login.password.empty() ||
        without_credentials(pipeline.store) != pipeline.store) {
      return;
    }
    if (!environment_.database_password.empty()) {
      settings_.refuse_variable("DB_PASS", "needs DB_USER");
    } else {
      const auto* const section = pipeline.is_mongodb() ? "mongodb" : "postgresql";
      settings_.table(section).refuse("user", "is missing: a password needs one");
    }
  }

  const Settings& settings_;
  const Settings* const own_;
  const DeploymentEnvironment& environment_;
};

// Two pipelines must not share a topic nor a table.
void check_apart(const Settings& settings, const Config& config) {
  std::map<std::string, std::string> topics;
  std::map<std::string, std::string> tables;
  const auto store_of = [&](const PipelineConfig& pipeline) {
    if (pipeline.is_sqlite())
      return std::filesystem::absolute(sqlite_file(config, pipeline)).lexically_normal().string();
    return (pipeline.is_mongodb() ? check_mongodb_uri : check_postgresql_uri)(pipeline.store)
        .value_or(pipeline.store);
  };
  for (const auto& pipeline : config.pipelines) {
    const auto claim = [&](auto& taken, const std::string& place, const std::string& what) {
      const auto [first, is_new] = taken.emplace(place, pipeline.name);
      if (is_new) return;
      settings.refuse("pipeline", "the pipelines " + first->second + " and " + pipeline.name +
                                      " would share " + what + ": give one of them another");
    };
    claim(topics, (pipeline.is_embedded() ? "" : pipeline.kafka.brokers) + " " + pipeline.topic,
          "the topic \"" + pipeline.topic + "\"");
    claim(tables, store_of(pipeline) + " " + pipeline.table,
          "the table \"" + pipeline.table + "\" of one store");
  }
}

}  // namespace

void read_pipelines(const Settings& settings, const KafkaOptions& kafka, Config& config) {
  const Logins logins{.mongodb = read_login(settings.table("mongodb")),
                      .postgresql = read_login(settings.table("postgresql"))};
  const bool built_in = settings.tables("pipeline").empty();
  const auto tables = settings.named_tables("pipeline");
  const auto table_of = [&](std::string_view name) -> const Settings* {
    const auto found = std::ranges::find_if(
        tables, [&](const auto& table) { return table.string("name") == name; });
    return found == tables.end() ? nullptr : &*found;
  };
  const auto* const clickstream = table_of(kClickstream);
  const auto environment = built_in || clickstream != nullptr
                               ? read_deployment_environment(settings, clickstream)
                               : ignore_deployment_environment(settings);
  config.notes.insert(config.notes.end(), environment.unused.begin(), environment.unused.end());

  const auto add = [&](const std::string& name, const Settings* own) {
    const DeploymentEnvironment none;
    const PipelineReader reader(settings, own, name == kClickstream ? environment : none);
    config.pipelines.push_back(reader.read(name, kafka, logins));
  };
  if (built_in) {
    for (const auto name : Schema::built_in_names()) add(std::string(name), table_of(name));
  }
  for (const auto& table : tables) {
    const auto name = table.string("name");
    if (!is_pipeline_name(name)) {
      table.refuse("name", "\"" + name +
                               "\" is no pipeline name: lower-case letters, digits, - and _, at "
                               "most 63");
      static_cast<void>(table.entries());  // what is in it needs no words of its own
    } else if (std::ranges::find(config.pipelines, name, &PipelineConfig::name) ==
               config.pipelines.end()) {
      add(name, &table);
    }
  }
  check_apart(settings, config);
}

}  // namespace tributary::collector
