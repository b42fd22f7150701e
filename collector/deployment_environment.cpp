#include "collector/deployment_environment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string_view>

namespace tributary::collector {
namespace {

struct Variable {
  std::string_view name;
  std::string_view key;    // of the pipeline: where our settings have it, the variable gives way
  std::string_view needs;  // another variable, without which it says nothing
};

// The first with a key is the one that says it; those that follow say more of the same.
constexpr auto kVariables = std::to_array<Variable>({
    {.name = "KAFKA_BOOTSTRAP_SERVERS", .key = "stream", .needs = ""},
    {.name = "KAFKA_SASL_USER", .key = "stream", .needs = "KAFKA_BOOTSTRAP_SERVERS"},
    {.name = "KAFKA_SASL_PASS", .key = "stream", .needs = "KAFKA_BOOTSTRAP_SERVERS"},
    {.name = "KAFKA_TOPIC", .key = "topic", .needs = "KAFKA_BOOTSTRAP_SERVERS"},
    {.name = "KAFKA_GROUP_ID", .key = "group", .needs = "KAFKA_BOOTSTRAP_SERVERS"},
    {.name = "DB_HOST", .key = "store", .needs = ""},
    {.name = "DB_PORT", .key = "store", .needs = "DB_HOST"},
    {.name = "DB_NAME", .key = "store", .needs = "DB_HOST"},
    {.name = "DB_USER", .key = "store", .needs = "DB_HOST"},
    {.name = "DB_PASS", .key = "store", .needs = "DB_HOST"},
});
constexpr std::string_view kDefaultPort = "5432";
constexpr std::string_view kDefaultDatabase = "events_db";

// Those that have an effect, by name.
using Values = std::map<std::string_view, std::string>;

// RFC 3986: everything but its unreserved characters is written as %XX.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kUnreserved =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string encoded;
  for (const char c : text) {
    if (kUnreserved.contains(c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', kDigits[byte >> 4U], kDigits[byte & 0xfU]};
    }
  }
  return encoded;
}

std::string without_spaces(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\t'; });
  return text;
}

bool is_port(std::string_view text) {
  constexpr unsigned kPortMax = 65'535;
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= kPortMax;
}

std::string no_effect(std::string_view variable, const std::string& why) {
  return std::string(variable) + " has no effect: " + why;
}

// Those that say something; tells of the others.
Values take(const Settings& settings, const Settings* clickstream,
            std::vector<std::string>& unused) {
  const auto is_ours = [&](std::string_view key) {
    return clickstream != nullptr && clickstream->has(key);
  };
  const bool on_our_kafka =
      is_ours("stream") && clickstream->string("stream").starts_with("kafka:");
  Values values;
  for (const auto& variable : kVariables) {
    const auto value = settings.variable(variable.name);
    if (!value) continue;
    // They are of any Kafka; the others are of the server that the variables name.
    const bool of_any_kafka = variable.key == "topic" || variable.key == "group";
    std::string_view stronger;
    if (is_ours(variable.key)) stronger = variable.key;
    if (of_any_kafka && is_ours("stream") && !on_our_kafka) stronger = "stream";
    if (!stronger.empty()) {
      unused.push_back(no_effect(variable.name, "pipeline.clickstream." + std::string(stronger) +
                                                    " (" + clickstream->place(stronger) +
                                                    ") is stronger"));
    } else if (!variable.needs.empty() && !settings.variable(variable.needs) &&
               !(of_any_kafka && on_our_kafka)) {
      const auto* const connection = variable.key == "store" ? "store" : "stream";
      settings.refuse_variable(variable.name, "says nothing without " +
                                                  std::string(variable.needs) +
                                                  ": set that, too, or unset this, or say "
                                                  "pipeline.clickstream." +
                                                  connection + " in the configuration");
    } else {
      values.emplace(variable.name, *value);
    }
  }
  return values;
}

std::string store_of(const Settings& settings, Values& values) {
  auto host = values["DB_HOST"];
  if (std::ranges::count(host, ':') == 1) {
    settings.refuse_variable("DB_HOST", "\"" + host + "\" is no host: a port is DB_PORT's");
  }
  // An address of IPv6 has its brackets in a URI, and a list its commas; a path is a socket's.
  if (host.contains(':') && !host.starts_with('[')) host = "[" + host + "]";
  if (!host.starts_with('[')) host = percent_encoded(host);
  auto port = values["DB_PORT"];
  if (port.empty()) port = kDefaultPort;
  if (!is_port(port)) {
    settings.refuse_variable("DB_PORT", "\"" + port + "\" is no port: a number from 1 to 65535");
    port = kDefaultPort;
  }
  auto name = values["DB_NAME"];
  if (name.empty()) name = kDefaultDatabase;
  return "postgresql://" + host + ":" + port + "/" + percent_encoded(name);
}

}  // namespace

DeploymentEnvironment read_deployment_environment(const Settings& settings,
                                                  const Settings* clickstream) {
  DeploymentEnvironment result;
  auto values = take(settings, clickstream, result.unused);
  if (values.contains("KAFKA_BOOTSTRAP_SERVERS")) {
    result.stream = "kafka://" + without_spaces(values["KAFKA_BOOTSTRAP_SERVERS"]);
  }
  result.kafka_user = values["KAFKA_SASL_USER"];
  result.kafka_password = values["KAFKA_SASL_PASS"];
  result.topic = values["KAFKA_TOPIC"];
  result.group = values["KAFKA_GROUP_ID"];
  if (values.contains("DB_HOST")) result.store = store_of(settings, values);
  result.database_user = values["DB_USER"];
  result.database_password = values["DB_PASS"];
  return result;
}

DeploymentEnvironment ignore_deployment_environment(const Settings& settings) {
  DeploymentEnvironment result;
  for (const auto& variable : kVariables) {
    if (!settings.variable(variable.name)) continue;
    result.unused.push_back(no_effect(variable.name, "there is no pipeline clickstream"));
  }
  return result;
}

std::string_view deployment_variable(std::string_view key) {
  return std::ranges::find(kVariables, key, &Variable::key)->name;
}

}  // namespace tributary::collector
