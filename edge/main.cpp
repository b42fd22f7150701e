// tributary-edge: samples sensors into a crash-safe buffer and delivers it over MQTT.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "edge/agent.h"
#include "edge/buffer_command.h"
#include "edge/commands.h"
#include "edge/config.h"
#include "edge/memory.h"
#include "shared/base/termination.h"
#include "shared/base/version.h"
#include "shared/config/command_line.h"
#include "shared/config/settings.h"
#include "shared/front/health_command.h"
#include "shared/io/file_system.h"
#include "shared/observe/logging.h"
#include "shared/observe/service_notifier.h"

namespace {

using namespace std::chrono_literals;
using namespace tributary;
using namespace tributary::edge;

constexpr const char* kProgram = "tributary-edge";
constexpr std::string_view kComponent = "agent";
constexpr auto kDrainTime = 5s;

Result<Config> load(const CommandLine& command_line) {
  SettingSources sources;
  sources.file = command_line.config_file;
  sources.environment = process_environment();
  sources.sets = command_line.sets;
  TRIBUTARY_ASSIGN(const auto settings, Settings::load(sources));
  return read_config(settings, sources.environment, sources.file);
}

std::string sensors_in_words(const Config& config) {
  constexpr std::size_t kNamed = 3;
  std::string words;
  for (std::size_t i = 0; i < std::min(kNamed, config.sensors.size()); ++i) {
    words += (i == 0 ? "" : ", ") + config.sensors[i].name;
  }
  if (const auto more = config.sensors.size() - std::min(kNamed, config.sensors.size());
      more != 0) {
    words += " and " + std::to_string(more) + " more";
  }
  return words;
}

void say_start(const Config& config, const Agent& agent) {
  for (const auto& address : agent.addresses())
    log_info(kComponent, "listening", {{"address", address}});
  if (config.sensors.empty()) {
    log_info(kComponent, "no [[sensor]] is configured: delivering what is in the buffer",
             {{"records", agent.records()}});
  }
  log_info(kComponent, "started",
           {{"version", kVersion},
            {"id", config.id},
            {"sensors", sensors_in_words(config)},
            {"buffer", config.buffer.path.string()},
            {"publishes_to", config.publisher.mqtt.url}});
}

int run(const Config& config, const CommandLine& command_line) {
  start_logging(log_format_for(command_line.log_format), LogLevel::info);
  const Termination termination;
  ServiceNotifier service(process_environment());
  const SystemClock clock;
  give_back_start_up_pages();
  auto started = Agent::start(config, posix_file_system(), clock);
  if (!started) {
    log_error(kComponent, started.error().message());
    return started.error() == errc::invalid_argument ? kExitUsage : kExitFailed;
  }
  auto& agent = **started;
  say_start(config, agent);
  service.ready();

  const auto look = std::min<std::chrono::milliseconds>(service.alive_interval().value_or(60s),
                                                        config.exit_when_done ? 50ms : 60s);
  std::optional<std::string_view> signal;
  bool done = false;
  while (!signal && !done) {
    signal = termination.wait(look);
    service.alive(agent.health());
    done = config.exit_when_done && agent.done();
  }
  service.stopping();
  if (done) {
    log_info(kComponent, "done: everything is delivered");
  } else {
    log_info(kComponent, "stopping", {{"signal", *signal}});
  }
  agent.stop(kDrainTime);
  log_info(kComponent, "stopped", {{"records_left_in_buffer", agent.records()}});
  return kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  keep_heap_small();
  const std::vector<Command> commands{
      {"run", "sample sensors and deliver, until SIGTERM"},
      {"check-config", "read the configuration and the recordings, and say what is wrong"},
      {"sample",
       "print readings of every sensor",
       "how many of each (default: 1)",
       {{.name = "--list",
         .description = "print what a host sensor finds on this machine, and what is missing"}}},
      buffer_command(),
      health_command(),
      {"version", "print the version"},
  };
  const auto outcome = parse_command_line(
      argc, argv, kProgram, "Samples sensors into a crash-safe buffer and delivers it over MQTT.",
      commands, kVersionAndBuild);
  if (!outcome.command_line) return outcome.exit_status;
  const auto& command_line = *outcome.command_line;
  if (command_line.command == "version") {
    std::printf("%s %s\n", kProgram, kVersionAndBuild);
    return finish_output(kExitOk, kProgram);
  }
  const auto config = load(command_line);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message().c_str());
    return kExitUsage;
  }
  if (command_line.command == "check-config") return finish_output(check_config(*config), kProgram);
  if (command_line.command == "health") {
    return finish_output(run_health(config->http.listen, kProgram), kProgram);
  }
  if (command_line.command == "sample") {
    return finish_output(sample(*config, command_line), kProgram);
  }
  if (command_line.command == "buffer") {
    return finish_output(run_buffer(*config, command_line), kProgram);
  }
  return run(*config, command_line);
}
