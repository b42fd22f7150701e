#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "collector/ingest/topic_map.h"
#include "collector/stream/kafka_options.h"
#include "shared/base/result.h"
#include "shared/config/settings.h"
#include "shared/event/schema.h"
#include "shared/front/settings.h"
#include "shared/http/server.h"
#include "shared/mqtt/client.h"

namespace tributary::collector {

struct Login {
  std::string user;  // empty: the URI says who, or nobody needs to
  std::string password;
};

struct PipelineConfig {
  std::string name;
  Schema schema;
  std::string stream = "embedded:";  // or "kafka://host:port,host:port"
  KafkaOptions kafka{};              // of the stream, if it is there
  std::string topic;
  std::string group;
  // "sqlite:" is <data>/<name>.db, "sqlite:/path/file.db" that file; or "mongodb://…/database", or
  // "postgresql://…/database"
  std::string store = "sqlite:";
  Login store_login{};
  std::string table;  // or collection

  [[nodiscard]] bool is_embedded() const { return stream == "embedded:"; }
  [[nodiscard]] bool is_sqlite() const { return store.starts_with("sqlite:"); }
  [[nodiscard]] bool is_mongodb() const {
    return store.starts_with("mongodb:") || store.starts_with("mongodb+srv:");
  }
  [[nodiscard]] bool is_postgresql() const {
    return store.starts_with("postgresql:") || store.starts_with("postgres:");
  }
};

struct Config {
  bool ingest = true;
  bool persist = true;
  bool query = true;
  std::filesystem::path data;

  struct Mqtt {
    bool enabled = true;  // url = "" turns it off
    MqttOptions options;  // client_id is empty here: it is kept in `data`
    std::string share;    // empty: a subscription of its own
    std::vector<std::string> receipt_topics{"tributary/+/receipts"};
    std::vector<TopicRule> subscriptions;  // beside the built-in one
  } mqtt;

  struct Http {
    HttpServerOptions options;
    FrontSettings front;
    std::chrono::milliseconds ingest_timeout{10'000};
    std::uint64_t queue_bytes_max = 256U << 20;  // bodies that wait, in sum
  } http;

  struct Embedded {  // of each pipeline's stream, on the disk
    std::uint64_t size_max = 4ULL << 30;
    std::uint64_t dead_letters_size_max = 256U << 20;
  } embedded;

  std::vector<PipelineConfig> pipelines;  // the first is the default one
  std::vector<std::string> notes;         // what the operator should know, each a sentence
};

// The file of a pipeline whose store is SQLite.
std::filesystem::path sqlite_file(const Config& config, const PipelineConfig& pipeline);

// "stream embedded: topic …, store mongodb://…, collection …", without passwords.
std::string describe(const PipelineConfig& pipeline);

// errc::invalid_argument with every mistake, one a line.
Result<Config> read_config(const Settings& settings,
                           const std::map<std::string, std::string>& environment);

}  // namespace tributary::collector
