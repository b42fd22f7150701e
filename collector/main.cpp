// tributary-collector: bridges MQTT and HTTP to a durable stream, stores what comes out of it, and
// answers queries.

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>

#include "collector/collector.h"
#include "collector/config.h"
#include "collector/dead_letter_command.h"
#include "shared/base/termination.h"
#include "shared/base/version.h"
#include "shared/config/command_line.h"
#include "shared/front/health_command.h"
#include "shared/observe/logging.h"
#include "shared/observe/service_notifier.h"

namespace {

using namespace std::chrono_literals;
using namespace tributary;
using namespace tributary::collector;

constexpr const char* kProgram = "tributary-collector";
constexpr std::string_view kComponent = "collector";
constexpr auto kDrainTime = 20s;

Result<Config> load(const CommandLine& command_line) {
  const auto environment = process_environment();
  SettingSources sources;
  sources.file = command_line.config_file;
  sources.environment = environment;
  sources.sets = command_line.sets;
  TRIBUTARY_ASSIGN(const auto settings, Settings::load(sources));
  return read_config(settings, environment);
}

// As many as the system lets us have: a thousand connections, and the files of streams and stores,
// are more than the usual 1024. (That is for select(), which nothing in here uses.)
void allow_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int run(Config config, const CommandLine& command_line) {
  allow_open_files();
  start_logging(log_format_for(command_line.log_format), LogLevel::info);
  const Termination termination;
  ServiceNotifier service(process_environment());
  for (const auto& note : config.notes) log_warning(kComponent, note);
  for (const auto& pipeline : config.pipelines)
    log_info(kComponent, describe(pipeline), {{"pipeline", pipeline.name}});
  const SystemClock clock;
  const auto data = config.data.string();
  const auto broker = config.mqtt.options.url;
  auto collector = Collector::start(std::move(config), posix_file_system(), clock);
  if (!collector) {
    log_error(kComponent, collector.error().message());
    return kExitFailed;
  }
  for (const auto& address : (*collector)->addresses())
    log_info(kComponent, "listening", {{"address", address}});
  log_info(kComponent, "started", {{"version", kVersion}, {"data", data}, {"broker", broker}});
  service.ready();

  std::optional<std::string_view> signal;
  while (!signal) {
    signal = termination.wait(service.alive_interval().value_or(60s));
    service.alive((*collector)->health());
  }
  service.stopping();
  log_info(kComponent, "stopping", {{"signal", *signal}});
  if (!(*collector)->stop(kDrainTime)) {
    log_warning(kComponent,
                "stopped with events left in a stream: they are stored after the next start");
  } else {
    log_info(kComponent, "stopped");
  }
  return kExitOk;
}

int check(const Config& config) {
  std::printf("the configuration is good: %zu pipeline%s", config.pipelines.size(),
              config.pipelines.size() == 1 ? "" : "s");
  for (const auto& pipeline : config.pipelines) {
    std::printf("\n  %s: %s", pipeline.name.c_str(), describe(pipeline).c_str());
  }
  for (const auto& rule : config.mqtt.subscriptions) {
    std::printf("\n  events of %s come from %s, too", rule.pipeline.c_str(), rule.filter.c_str());
  }
  std::printf("\n  data in %s\n", config.data.c_str());
  for (const auto& note : config.notes) std::printf("note: %s\n", note.c_str());
  return kExitOk;
}

// libmongoc makes counters in shared memory while it is loaded. Without a name they go with the
// process: a `kill -9` leaves nothing in /dev/shm, where a later process of the same id would
// stumble over it, and say so in a line that is no JSON.
void forget_shared_counters() { shm_unlink(("/mongoc-" + std::to_string(getpid())).c_str()); }

}  // namespace

int main(int argc, char** argv) {
  forget_shared_counters();
  const auto outcome = parse_command_line(
      argc, argv, kProgram, "Carries events from MQTT and HTTP into a store, each exactly once.",
      {{.name = "run", .description = "run the collector until SIGTERM or Ctrl-C", .arguments = ""},
       {.name = "check-config",
        .description = "say what is wrong with the configuration, and what it comes to",
        .arguments = ""},
       dead_letters_command(),
       health_command(),
       {.name = "version", .description = "print the version", .arguments = ""}},
      kVersionAndBuild);
  if (!outcome.command_line) return outcome.exit_status;
  const auto& command_line = *outcome.command_line;
  if (command_line.command == "version") {
    std::printf("%s %s\n", kProgram, kVersionAndBuild);
    return finish_output(kExitOk, kProgram);
  }
  auto config = load(command_line);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message().c_str());
    return kExitUsage;
  }
  if (command_line.command == "check-config") return finish_output(check(*config), kProgram);
  if (command_line.command == "health") {
    return finish_output(run_health(config->http.options.listen, kProgram), kProgram);
  }
  if (command_line.command == "dead-letters") {
    return finish_output(run_dead_letters(*config, command_line), kProgram);
  }
  return run(*std::move(config), command_line);
}
