#include "collector/dead_letter_command.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "collector/api/operations.h"
#include "collector/pipeline.h"
#include "collector/stream/embedded_stream.h"
#include "shared/config/command_line.h"
#include "shared/http/client.h"
#include "shared/io/file_system.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPage = 16;

// From the running collector, page by page.
Result<void> list_by_http(const std::string& address, const std::string& pipeline) {
  std::string cursor = "0";
  while (true) {
    const auto target = "/dead-letters/" + pipeline + "?limit=1000&cursor=" + cursor;
    TRIBUTARY_ASSIGN(const auto answer, http_get(address, target, 10s));
    const auto json = nlohmann::ordered_json::parse(answer, nullptr, false);
    if (!json.is_object() || !json.contains("data")) {
      return fail(errc::refused, "what listens on " + address + " is no collector");
    }
    for (const auto& letter : json["data"]) std::puts(letter.dump().c_str());
    if (!json["next"].is_string()) return {};
    cursor = json["next"];
  }
}

Result<void> list_by_log(const Stream& stream) {
  std::uint64_t after = 0;
  while (true) {
    TRIBUTARY_ASSIGN(const auto letters, stream.dead_letters(after, kPage));
    for (const auto& letter : letters) std::puts(dead_letter_json(letter).c_str());
    if (letters.size() < kPage) return {};
    after = letters.back().sequence;
  }
}

Result<void> list(const Config& config, const std::string& pipeline, const std::string& topic,
                  const std::string& group) {
  if (!std::filesystem::is_directory(config.data / "stream")) {
    return fail(errc::not_found, "no collector has ever kept anything in " + config.data.string());
  }
  auto stream = open_embedded_stream(
      posix_file_system(), {.directory = config.data / "stream", .topic = topic, .group = group});
  if (stream) return list_by_log(**stream);
  if (!(stream.error() == errc::log_locked)) return std::unexpected(stream.error());
  if (config.http.options.listen.empty()) {
    return fail(errc::unavailable,
                "the running collector listens nowhere (http.listen is empty): stop it first");
  }
  return list_by_http(config.http.options.listen.front(), pipeline);
}

}  // namespace

int run_dead_letters(const Config& config, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front() != "list" || arguments.size() > 2) {
    std::fputs(
        "usage: tributary-collector dead-letters list [PIPELINE]   (\"tributary\": those of no "
        "pipeline)\n",
        stderr);
    return kExitUsage;
  }
  const auto name = arguments.size() == 2 ? arguments[1] : config.pipelines.front().name;
  std::string topic = kUnroutedTopic;
  std::string group = kUnroutedGroup;
  if (name != kUnroutedTopic) {
    const auto pipeline = std::ranges::find(config.pipelines, name, &PipelineConfig::name);
    if (pipeline == config.pipelines.end()) {
      std::fprintf(stderr, "there is no pipeline \"%s\"\n", name.c_str());
      return kExitUsage;
    }
    topic = pipeline->topic;
    group = pipeline->group;
  }
  if (const auto listed = list(config, name, topic, group); !listed) {
    std::fprintf(stderr, "%s\n", listed.error().message().c_str());
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace tributary::collector
