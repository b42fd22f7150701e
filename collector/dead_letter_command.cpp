#include "collector/dead_letter_command.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "collector/api/dead_letters.h"
#include "collector/api/replay_body.h"
#include "collector/ingest/replay.h"
#include "collector/open_pipeline.h"
#include "shared/http/client.h"
#include "shared/io/file_system.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPage = 1000;
constexpr auto kAnswerWait = 30s;

std::atomic<bool> interrupted = false;

// What the command line asks for, checked.
struct Wanted {
  const PipelineConfig* pipeline = nullptr;  // null: the letters of none
  ReplayRequest letters;

  [[nodiscard]] std::string name() const {
    return pipeline != nullptr ? pipeline->name : kUnroutedTopic;
  }
  [[nodiscard]] bool lists(const DeadLetter& letter) const {
    const auto& reasons = letters.reasons;
    return reasons.empty() || std::ranges::find(reasons, letter.reason) != reasons.end();
  }
};

// What opens streams when no collector has them open.
class Streams {
 public:
  explicit Streams(const Config& config) : config_(config) {}

  [[nodiscard]] const Clock& clock() const { return clock_; }
  Result<std::unique_ptr<Stream>> open(const PipelineConfig* pipeline) {
    return pipeline != nullptr ? open_stream(config_, *pipeline, surroundings())
                               : open_unrouted_stream(config_, surroundings());
  }
  // The pipeline of that name with its stream, without a store; null when there is none.
  Result<Pipeline*> find(const std::string& name) {
    if (const auto found = pipelines_.find(name); found != pipelines_.end()) {
      return found->second.get();
    }
    const auto config = std::ranges::find(config_.pipelines, name, &PipelineConfig::name);
    if (config == config_.pipelines.end()) return nullptr;
    TRIBUTARY_ASSIGN(auto stream, open(&*config));
    return add(*config, std::move(stream));
  }
  Pipeline* add(const PipelineConfig& config, std::unique_ptr<Stream> stream) {
    auto& pipeline = pipelines_[config.name];
    pipeline = std::make_unique<Pipeline>(
        Pipeline{.config = config, .stream = std::move(stream), .store = nullptr});
    return pipeline.get();
  }

 private:
  Surroundings surroundings() {
    return {.files = posix_file_system(), .clock = clock_, .metrics = metrics_};
  }

  const Config& config_;
  const SystemClock clock_;
  Metrics metrics_;
  std::map<std::string, std::unique_ptr<Pipeline>> pipelines_;
};

// Null when a collector that runs has it open.
Result<std::unique_ptr<Stream>> open_if_free(const Config& config, const Wanted& wanted,
                                             Streams& streams) {
  const auto& first = wanted.pipeline != nullptr ? *wanted.pipeline : config.pipelines.front();
  if (first.is_embedded() && !std::filesystem::is_directory(config.data / "stream")) {
    return fail(errc::not_found, "no collector has ever kept anything in " + config.data.string());
  }
  auto stream = streams.open(wanted.pipeline);
  if (stream || stream.error() != errc::log_locked) return stream;
  if (config.http.options.listen.empty()) {
    return fail(errc::unavailable,
                "the running collector listens nowhere (http.listen is empty): stop it first");
  }
  return nullptr;
}

// Says what to do about a collector that runs and can't be asked.
Error asked(const std::string& address, const Error& error) {
  if (error != errc::unavailable) return error;
  return {errc::unavailable,
          "a collector runs, for it has the stream open, but nobody listens on " + address +
              ": is http.listen here what it was started with?"};
}

// From the running collector, page by page.
Result<void> list_by_http(const Config::Http& http, const Wanted& wanted) {
  const auto& address = http.options.listen.front();
  std::string cursor = "0";
  std::string reasons;
  for (const auto& reason : wanted.letters.reasons) reasons.append("&reason=").append(reason);
  while (true) {
    auto target = "/dead-letters/" + wanted.name() + "?limit=1000";
    target.append(reasons).append("&cursor=").append(cursor);
    const auto answer = http_get(address, target, kAnswerWait, http.front.token);
    if (!answer) return std::unexpected(asked(address, answer.error()));
    const auto json = nlohmann::ordered_json::parse(*answer, nullptr, false);
    if (!json.is_object() || !json.contains("data")) {
      return fail(errc::refused, "what listens on " + address + " is no collector");
    }
    for (const auto& letter : json["data"]) std::puts(letter.dump().c_str());
    if (!json["next"].is_string()) return {};
    cursor = json["next"];
  }
}

Result<void> list_from(const Stream& stream, const Wanted& wanted) {
  std::uint64_t after = 0;
  while (true) {
    TRIBUTARY_ASSIGN(const auto letters, stream.dead_letters(after, kPage));
    if (letters.empty()) return {};
    for (const auto& letter : letters) {
      if (wanted.lists(letter)) std::puts(dead_letter_json(letter).c_str());
    }
    after = letters.back().sequence;
  }
}

Result<void> list(const Config& config, const Wanted& wanted) {
  Streams streams(config);
  TRIBUTARY_ASSIGN(const auto stream, open_if_free(config, wanted, streams));
  if (stream) {
    TRIBUTARY_TRY(list_from(*stream, wanted));
  } else {
    TRIBUTARY_TRY(list_by_http(config.http, wanted));
  }
  return {};
}

Result<std::string> replay_by_http(const Config::Http& http, const Wanted& wanted) {
  const auto& address = http.options.listen.front();
  auto answer = http_post(address, "/dead-letters/" + wanted.name() + "/replay",
                          replay_body(wanted.letters), kAnswerWait, http.front.token);
  if (!answer) return std::unexpected(asked(address, answer.error()));
  const auto begin = std::min(answer->find_first_not_of('\n'), answer->size());
  return answer->substr(begin);
}

Result<std::string> replay_from(std::unique_ptr<Stream> stream, const Config& config,
                                const Wanted& wanted, Streams& streams) {
  const TopicMap topics(config.mqtt.subscriptions);
  std::signal(SIGINT, [](int) { interrupted = true; });
  std::signal(SIGTERM, [](int) { interrupted = true; });
  const auto go_on = [] { return !interrupted; };
  if (wanted.pipeline != nullptr) {
    Replay replay(*streams.add(*wanted.pipeline, std::move(stream)), topics, streams.clock());
    TRIBUTARY_ASSIGN(const auto report, replay.run(wanted.letters, go_on));
    return report.json();
  }
  const ReplayRoute route = [&streams](const std::string& name) { return streams.find(name); };
  TRIBUTARY_ASSIGN(const auto report,
                   Replay(*stream, route, topics, streams.clock()).run(wanted.letters, go_on));
  return report.json();
}

// Prints what became of the letters. Fails when not all that was asked for was done.
Result<void> replay(const Config& config, const Wanted& wanted) {
  Streams streams(config);
  TRIBUTARY_ASSIGN(auto stream, open_if_free(config, wanted, streams));
  TRIBUTARY_ASSIGN(const auto text, stream ? replay_from(std::move(stream), config, wanted, streams)
                                           : replay_by_http(config.http, wanted));
  const auto report = nlohmann::json::parse(text, nullptr, false);
  if (!report.is_object() || !report.contains("replayed")) {
    return fail(errc::refused, "the replay failed, or the collector ended before its answer" +
                                   (text.empty() ? std::string() : ": " + text) +
                                   "; run it again: what was replayed is skipped");
  }
  std::puts(text.c_str());
  if (report.contains("broken_off")) {
    return fail(errc::stopped,
                "the replay ended early: " + report["broken_off"].get<std::string>());
  }
  if (report.contains("not_found")) {
    return fail(errc::not_found, "there are no dead letters of " + wanted.name() +
                                     " at the offsets " + report["not_found"].dump());
  }
  return {};
}

std::optional<std::uint64_t> parse_offset(const std::string& text) {
  std::uint64_t offset = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return offset;
}

Result<Wanted> read_wanted(const Config& config, const CommandLine& command_line) {
  const auto& arguments = command_line.arguments;
  const auto refuse = [](const std::string& why) { return fail(errc::invalid_argument, why); };
  const bool lists = !arguments.empty() && arguments.front() == "list";
  if (arguments.empty() || arguments.size() > 2 || (!lists && arguments.front() != "replay")) {
    return refuse(
        "usage: tributary-collector dead-letters list|replay [PIPELINE]   (\"tributary\": those of "
        "no pipeline)");
  }
  if (lists && (command_line.has("--dry-run") || command_line.has("--offset"))) {
    return refuse("--dry-run and --offset are options of dead-letters replay");
  }
  Wanted wanted;
  const auto name = arguments.size() == 2 ? arguments[1] : config.pipelines.front().name;
  const auto found = std::ranges::find(config.pipelines, name, &PipelineConfig::name);
  if (found != config.pipelines.end()) {
    wanted.pipeline = &*found;
  } else if (name != kUnroutedTopic) {
    return refuse("there is no pipeline \"" + name + "\"");
  }
  wanted.letters.dry_run = command_line.has("--dry-run");
  wanted.letters.reasons = command_line.values("--reason");
  for (const auto& reason : wanted.letters.reasons) {
    if (!is_dead_letter_reason(reason)) return refuse(unknown_reason(reason));
  }
  for (const auto& text : command_line.values("--offset")) {
    const auto offset = parse_offset(text);
    if (!offset) {
      return refuse("--offset " + text +
                    " is not an offset: take one that dead-letters list shows");
    }
    wanted.letters.offsets.push_back(*offset);
  }
  return wanted;
}

}  // namespace

Command dead_letters_command() {
  return {.name = "dead-letters",
          .description = "print what could not be stored, as NDJSON, or send it again",
          .arguments = "list [PIPELINE] or replay [PIPELINE]",
          .options = {{.name = "--reason",
                       .description = "only those of this reason; repeatable (default: all; a "
                                      "replay leaves out conflict)",
                       .value = "REASON"},
                      {.name = "--offset",
                       .description = "replay only the one at this offset; repeatable",
                       .value = "N"},
                      {.name = "--dry-run", .description = "only say what a replay would do"}}};
}

int run_dead_letters(const Config& config, const CommandLine& command_line) {
  const auto wanted = read_wanted(config, command_line);
  if (!wanted) {
    std::fprintf(stderr, "%s\n", wanted.error().message().c_str());
    return kExitUsage;
  }
  const bool lists = command_line.arguments.front() == "list";
  if (const auto done = lists ? list(config, *wanted) : replay(config, *wanted); !done) {
    std::fprintf(stderr, "%s\n", done.error().message().c_str());
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace tributary::collector
