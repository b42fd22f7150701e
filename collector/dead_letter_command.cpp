#include "collector/dead_letter_command.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "collector/api/operations.h"
#include "collector/open_pipeline.h"
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

Result<void> list_from(const Stream& stream) {
  std::uint64_t after = 0;
  while (true) {
    TRIBUTARY_ASSIGN(const auto letters, stream.dead_letters(after, kPage));
    for (const auto& letter : letters) std::puts(dead_letter_json(letter).c_str());
    if (letters.size() < kPage) return {};
    after = letters.back().sequence;
  }
}

// `pipeline` is null for the dead letters of none.
Result<void> list(const Config& config, const PipelineConfig* pipeline) {
  const bool embedded = (pipeline != nullptr ? *pipeline : config.pipelines.front()).is_embedded();
  if (embedded && !std::filesystem::is_directory(config.data / "stream")) {
    return fail(errc::not_found, "no collector has ever kept anything in " + config.data.string());
  }
  const SystemClock clock;
  Metrics metrics;
  const Surroundings surroundings{.files = posix_file_system(), .clock = clock, .metrics = metrics};
  auto stream = pipeline != nullptr ? open_stream(config, *pipeline, surroundings)
                                    : open_unrouted_stream(config, surroundings);
  if (stream) return list_from(**stream);
  if (!(stream.error() == errc::log_locked)) return std::unexpected(stream.error());
  if (config.http.options.listen.empty()) {
    return fail(errc::unavailable,
                "the running collector listens nowhere (http.listen is empty): stop it first");
  }
  return list_by_http(config.http.options.listen.front(),
                      pipeline != nullptr ? pipeline->name : kUnroutedTopic);
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
  const auto found = std::ranges::find(config.pipelines, name, &PipelineConfig::name);
  const auto* pipeline = found != config.pipelines.end() ? &*found : nullptr;
  if (pipeline == nullptr && name != kUnroutedTopic) {
    std::fprintf(stderr, "there is no pipeline \"%s\"\n", name.c_str());
    return kExitUsage;
  }
  if (const auto listed = list(config, pipeline); !listed) {
    std::fprintf(stderr, "%s\n", listed.error().message().c_str());
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace tributary::collector
