#pragma once

#include <string>
#include <vector>

#include "shared/config/settings.h"

namespace tributary::collector {

// What the variables of deployments that are older than this program (KAFKA_BOOTSTRAP_SERVERS,
// DB_HOST, …; README.md has all of them) say of the pipeline `clickstream`, as its settings would
// say it. They come from the environment or `.env`, and are weaker than our own settings, wherever
// those stand. An empty member: nothing is said.
struct DeploymentEnvironment {
  std::string stream;  // "kafka://host:port,…"
  std::string kafka_user;
  std::string kafka_password;
  std::string topic;
  std::string group;
  std::string store;  // "postgresql://host:port/database"
  std::string database_user;
  std::string database_password;

  std::vector<std::string> unused;  // which variables have no effect, and why, each a sentence
};

// `clickstream` is what our settings say of that pipeline; nullptr: nothing. A variable that says
// nothing without another one is refused.
DeploymentEnvironment read_deployment_environment(const Settings& settings,
                                                  const Settings* clickstream);
// The same where there is no pipeline of that name: nothing has an effect.
DeploymentEnvironment ignore_deployment_environment(const Settings& settings);

// The name of the variable that says this of a pipeline: "topic" → "KAFKA_TOPIC".
std::string_view deployment_variable(std::string_view key);

}  // namespace tributary::collector
