#include "edge/buffer_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "edge/agent.h"
#include "edge/buffer_export.h"
#include "edge/buffer_routes.h"
#include "shared/base/clock.h"
#include "shared/http/client.h"

namespace tributary::edge {
namespace {

using namespace std::chrono_literals;

constexpr auto kAnswerWait = 30s;
constexpr mode_t kFileMode = 0666;  // less the umask

// Where an export goes: standard output, or a file in its place, which is made with the first
// bytes.
class Output {
 public:
  // Empty: standard output.
  explicit Output(std::string path) : path_(std::move(path)) {}

  // errc::stopped: nobody reads it any more.
  Result<void> write(std::string_view bytes) {
    TRIBUTARY_TRY(open());
    if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size()) return {};
    return failed();
  }
  Result<void> finish() {
    TRIBUTARY_TRY(open());
    if (std::fflush(stdout) != 0) return failed();
    return {};
  }

 private:
  Result<void> open() {
    if (opened_ || path_.empty()) return {};
    const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode);
    if (file < 0) return fail_errno("cannot write " + path_);
    opened_ = ::dup2(file, STDOUT_FILENO) >= 0;
    ::close(file);
    if (!opened_) return fail_errno("cannot write " + path_);
    return {};
  }
  [[nodiscard]] std::unexpected<Error> failed() const {
    if (errno == EPIPE) return fail(errc::stopped, "nobody reads");
    return fail_errno(path_.empty() ? "cannot write to standard output"
                                    : path_ + " is not whole: cannot write");
  }

  const std::string path_;
  bool opened_ = false;
};

// Takes an export with its report from the running agent: the report stands behind an empty line,
// and no event is one.
class ReportSplitter {
 public:
  explicit ReportSplitter(Output& output) : output_(output) {}

  Result<void> add(std::string_view piece) {
    if (has_report_) {
      report_.append(piece);
      return {};
    }
    const auto end = find_empty_line(piece);
    TRIBUTARY_TRY(output_.write(piece.substr(0, end)));
    if (end < piece.size()) {
      has_report_ = true;
      report_ = piece.substr(end + 1);
    } else if (!piece.empty()) {
      at_line_begin_ = piece.back() == '\n';
    }
    return {};
  }

  // Whether all of it came; how many records are missing then.
  [[nodiscard]] std::optional<std::uint64_t> missing() const {
    constexpr std::string_view kMissing = R"("missing":)";
    const auto at = report_.find(kMissing);
    if (at == std::string::npos || !report_.ends_with("}\n")) return std::nullopt;
    std::uint64_t missing = 0;
    const auto* const end = report_.data() + report_.size();
    std::from_chars(report_.data() + at + kMissing.size(), end, missing);
    return missing;
  }

 private:
  [[nodiscard]] std::size_t find_empty_line(std::string_view piece) const {
    if (at_line_begin_ && piece.starts_with('\n')) return 0;
    const auto found = piece.find("\n\n");
    return found == std::string_view::npos ? piece.size() : found + 1;
  }

  Output& output_;
  bool at_line_begin_ = true;
  bool has_report_ = false;
  std::string report_;  // what came of it
};

// The buffers, when no agent has them open; nothing when one has.
Result<std::optional<std::vector<std::unique_ptr<Buffer>>>> open_if_free(const Config& config,
                                                                         const Clock& clock) {
  const auto pipelines = buffered_pipelines(posix_file_system(), config.buffer.path);
  std::vector<std::unique_ptr<Buffer>> buffers;
  for (const auto& pipeline : pipelines) {
    auto buffer =
        Buffer::open(posix_file_system(), clock, config.buffer_options(pipeline, pipelines.size()));
    if (!buffer && buffer.error() == errc::log_locked) return std::nullopt;
    if (!buffer) return std::unexpected(std::move(buffer).error());
    buffers.push_back(*std::move(buffer));
  }
  return buffers;
}

Result<std::string> address_of_agent(const Config& config) {
  if (!config.http.listen.empty()) return config.http.listen.front();
  return fail(errc::unavailable,
              "an agent is running, and http.listen is empty: it can't be asked");
}

// Says what to do about an agent that runs and can't be asked.
Error asked(const std::string& address, const Error& error) {
  if (error != errc::unavailable) return error;
  return {errc::unavailable,
          "an agent is running, for it has the buffer open, but nobody listens on " + address +
              ": is http.listen here what it was started with?"};
}

Result<void> show(const Config& config, bool as_table) {
  const SystemClock clock;
  TRIBUTARY_ASSIGN(const auto buffers, open_if_free(config, clock));
  std::string text;
  if (buffers) {
    text = as_table ? buffers_table(*buffers) : buffers_json(*buffers);
  } else {
    TRIBUTARY_ASSIGN(const auto address, address_of_agent(config));
    auto answer = http_get(address, as_table ? "/buffer?format=table" : "/buffer", kAnswerWait,
                           config.front.token);
    if (!answer) return std::unexpected(asked(address, answer.error()));
    text = *std::move(answer);
  }
  std::fputs(text.c_str(), stdout);
  return {};
}

// How many records are missing.
Result<std::uint64_t> export_files(const std::vector<std::unique_ptr<Buffer>>& buffers,
                                   const std::string& pipeline, Output& output) {
  std::vector<Buffer*> chosen;
  for (const auto& buffer : buffers) {
    if (pipeline.empty() || buffer->pipeline() == pipeline) chosen.push_back(buffer.get());
  }
  BufferExport events(chosen);
  while (true) {
    TRIBUTARY_ASSIGN(const auto lines, events.next());
    if (lines.empty()) return events.missing();
    TRIBUTARY_TRY(output.write(lines));
  }
}

Result<std::uint64_t> export_by_http(const std::string& address, const std::string& token,
                                     const std::string& pipeline, Output& output) {
  ReportSplitter splitter(output);
  const auto target =
      "/buffer/export?report=true" + (pipeline.empty() ? "" : "&pipeline=" + pipeline);
  const auto answer = http_get(
      address, target, kAnswerWait, [&](std::string_view piece) { return splitter.add(piece); },
      token);
  if (!answer) return std::unexpected(asked(address, answer.error()));
  if (const auto missing = splitter.missing()) return *missing;
  return fail(errc::unavailable,
              "the export was broken off: the agent ended, or says why in its log");
}

Result<void> export_events(const Config& config, const CommandLine& command_line) {
  const auto given = [&](const std::string& option) {
    const auto values = command_line.values(option);
    return values.empty() ? std::string() : values.back();
  };
  const auto pipeline = given("--pipeline");
  Output output(given("--output"));
  const SystemClock clock;
  TRIBUTARY_ASSIGN(const auto buffers, open_if_free(config, clock));
  std::uint64_t missing = 0;
  if (buffers) {
    TRIBUTARY_ASSIGN(missing, export_files(*buffers, pipeline, output));
  } else {
    TRIBUTARY_ASSIGN(const auto address, address_of_agent(config));
    TRIBUTARY_ASSIGN(missing, export_by_http(address, config.front.token, pipeline, output));
  }
  TRIBUTARY_TRY(output.finish());
  if (missing > 0) {
    std::fprintf(stderr,
                 "tributary-edge: %llu records are missing in the export: they were damaged, or "
                 "dropped when the buffer was full\n",
                 static_cast<unsigned long long>(missing));
  }
  return {};
}

// What is wrong with the command line; nothing when all is well.
std::optional<std::string> mistake_in(const Config& config, const CommandLine& command_line) {
  if (!command_line.has("--export")) {
    for (const auto* option : {"--pipeline", "--output"}) {
      if (command_line.has(option)) return std::string(option) + " is an option of buffer --export";
    }
  } else if (command_line.has("--format")) {
    return "--format is not an option of buffer --export: it is always NDJSON";
  }
  for (const auto& format : command_line.values("--format")) {
    if (format != "json" && format != "table") {
      return "--format " + format + " is neither json nor table";
    }
  }
  const auto known = buffered_pipelines(posix_file_system(), config.buffer.path);
  for (const auto& pipeline : command_line.values("--pipeline")) {
    if (std::ranges::find(known, pipeline) != known.end()) continue;
    std::string names;
    for (const auto& name : known) names += (names.empty() ? "" : ", ") + name;
    return "there is no buffer of a pipeline \"" + pipeline + "\" in " +
           config.buffer.path.string() + (names.empty() ? "" : ": there are " + names);
  }
  return std::nullopt;
}

}  // namespace

Command buffer_command() {
  return {.name = "buffer",
          .description = "print what waits in the buffer",
          .arguments = "",
          .options = {
              {.name = "--format",
               .description = "json or table (default: table on a terminal, json elsewhere)",
               .value = "FORMAT"},
              {.name = "--export",
               .description = "print the events that wait, one a line; they stay in the buffer"},
              {.name = "--pipeline",
               .description = "export those of this pipeline only",
               .value = "NAME"},
              {.name = "--output",
               .description = "export into this file (default: standard output)",
               .value = "FILE"}}};
}

int run_buffer(const Config& config, const CommandLine& command_line) {
  std::signal(SIGPIPE, SIG_IGN);
  if (const auto mistake = mistake_in(config, command_line)) {
    std::fprintf(stderr, "tributary-edge: %s\n", mistake->c_str());
    return kExitUsage;
  }
  const auto formats = command_line.values("--format");
  const bool as_table = formats.empty() ? ::isatty(STDOUT_FILENO) == 1 : formats.back() == "table";
  const auto done =
      command_line.has("--export") ? export_events(config, command_line) : show(config, as_table);
  if (done || done.error() == errc::stopped) return kExitOk;
  std::fprintf(stderr, "tributary-edge: %s\n", done.error().message().c_str());
  return kExitFailed;
}

}  // namespace tributary::edge
