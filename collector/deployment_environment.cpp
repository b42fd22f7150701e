#include "collector/deployment_environment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string_view>

namespace tributary::collector {
namespace {

// Where our settings have `key` of the pipeline, or `member` of their table `section`, the variable
// gives way. `needs`: another one, without which it says nothing.
struct Variable {
  std::string_view name;
  std::string_view key;
  std::string_view needs;
  std::string_view section;
  std::string_view member;
};

// The first with a key is the one that says it; those that follow say more of the same.
constexpr std::string_view kServers = "KAFKA_BOOTSTRAP_SERVERS";
constexpr std::string_view kHost = "DB_HOST";
constexpr auto kVariables = std::to_array<Variable>({
    {.name = kServers, .key = "stream", .needs = "", .section = "", .member = ""},
    {.name = "KAFKA_SASL_USER",
     .key = "stream",
     .needs = kServers,
     .section = "kafka",
     .member = "user"},
    {.name = "KAFKA_SASL_PASS",
     .key = "stream",
     .needs = kServers,
     .section = "kafka",
     .member = "password"},
    {.name = "KAFKA_TOPIC", .key = "topic", .needs = kServers, .section = "", .member = ""},
    {.name = "KAFKA_GROUP_ID", .key = "group", .needs = kServers, .section = "", .member = ""},
    {.name = kHost, .key = "store", .needs = "", .section = "", .member = ""},
    {.name = "DB_PORT", .key = "store", .needs = kHost, .section = "", .member = ""},
    {.name = "DB_NAME", .key = "store", .needs = kHost, .section = "", .member = ""},
    {.name = "DB_USER", .key = "store", .needs = kHost, .section = "postgresql", .member = "user"},
    {.name = "DB_PASS",
     .key = "store",
     .needs = kHost,
     .section = "postgresql",
     .member = "password"},
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

// What our settings say instead of the variable, with its place; empty: nothing.
std::string stronger_than(const Variable& variable, const Settings& settings,
                          const Settings* clickstream) {
  const auto ours = [](const Settings& table, const std::string& path, const std::string& key) {
    return path + key + " (" + table.place(key) + ") is stronger";
  };
  if (clickstream != nullptr) {
    const std::string path = "pipeline.clickstream.";
    if (clickstream->has(variable.key)) return ours(*clickstream, path, std::string(variable.key));
    // A topic and a group are of any Kafka, and of nothing else.
    if (variable.needs == kServers && clickstream->has("stream") &&
        !clickstream->string("stream").starts_with("kafka:")) {
      return ours(*clickstream, path, "stream");
    }
  }
  if (variable.section.empty()) return {};
  const auto section = settings.table(variable.section);
  const auto path = std::string(variable.section) + ".";
  const std::string member(variable.member);
  if (section.has(member)) return ours(section, path, member);
  if (member == "password" && section.has("password_file"))
    return ours(section, path, "password_file");
  return {};
}

// Those that say something; tells of the others.
Values take(const Settings& settings, const Settings* clickstream,
            std::vector<std::string>& unused) {
  Values values;
  for (const auto& variable : kVariables) {
    const auto value = settings.variable(variable.name);
    if (!value) continue;
    const auto is_there = [&](std::string_view other) {
      return other.empty() || settings.variable(other) ||
             (other == kServers && clickstream != nullptr && clickstream->has("stream"));
    };
    if (const auto stronger = stronger_than(variable, settings, clickstream); !stronger.empty()) {
      unused.push_back(no_effect(variable.name, stronger));
    } else if (is_there(variable.needs)) {
      values.emplace(variable.name, *value);
    } else {
      const std::string connection = variable.needs == kServers ? "stream" : "store";
      settings.refuse_variable(variable.name, "says nothing without " +
                                                  std::string(variable.needs) +
                                                  ": set that, too, or unset this, or say "
                                                  "pipeline.clickstream." +
                                                  connection + " in the configuration");
    }
  }
  return values;
}

std::string store_of(const Settings& settings, Values& values) {
  auto host = values[kHost];
  // What has an @ may have a password: it isn't shown.
  if (host.find_first_of("@ ?") != std::string::npos) {
    settings.refuse_variable(kHost, "is no host: a user is DB_USER's, a password DB_PASS's");
    host.clear();
  } else if (std::ranges::count(host, ':') == 1) {
    settings.refuse_variable(kHost, "\"" + host + "\" is no host: a port is DB_PORT's");
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
  if (values.contains(kServers)) {
    result.stream = "kafka://" + without_spaces(values[kServers]);
  }
  result.kafka_user = values["KAFKA_SASL_USER"];
  result.kafka_password = values["KAFKA_SASL_PASS"];
  result.topic = values["KAFKA_TOPIC"];
  result.group = values["KAFKA_GROUP_ID"];
  if (values.contains(kHost)) result.store = store_of(settings, values);
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
