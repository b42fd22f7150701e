#include "shared/config/command_line.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <iostream>

using namespace tributary;

namespace {

// What a command line gives, and what was printed to standard output and standard error.
struct Parsed {
  CommandLineOutcome outcome;
  std::string out;
  std::string err;
};

class Capture {
 public:
  explicit Capture(std::FILE* stream) : stream_(stream), file_(std::tmpfile()) {
    REQUIRE(file_ != nullptr);
    std::fflush(stream_);
    saved_ = ::dup(::fileno(stream_));
    ::dup2(::fileno(file_), ::fileno(stream_));
  }
  std::string end() {
    std::fflush(stream_);
    ::dup2(saved_, ::fileno(stream_));
    ::close(saved_);
    std::string text(static_cast<std::size_t>(::lseek(::fileno(file_), 0, SEEK_END)), '\0');
    REQUIRE(::pread(::fileno(file_), text.data(), text.size(), 0) ==
            static_cast<ssize_t>(text.size()));
    std::fclose(file_);
    return text;
  }

 private:
  std::FILE* stream_;
  std::FILE* file_;
  int saved_ = -1;
};

Parsed parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "program");
  Capture out(stdout);
  Capture err(stderr);
  auto outcome = parse_command_line(
      static_cast<int>(arguments.size()), arguments.data(), "tributary-edge", "The agent.",
      {{"run", "run the agent"},
       {"buffer",
        "show the buffer",
        "list [PIPELINE]",
        {{"--reason", "only these", "REASON"}, {"--dry-run", "do nothing"}}},
       {"version", "print it"}},
      "1.2.3");
  std::cout.flush();
  auto err_text = err.end();
  auto out_text = out.end();
  return {std::move(outcome), std::move(out_text), std::move(err_text)};
}

void require_mistake(const Parsed& parsed, const std::string& mistake) {
  REQUIRE_FALSE(parsed.outcome.command_line);
  REQUIRE(parsed.outcome.exit_status == kExitUsage);
  REQUIRE(parsed.out.empty());
  REQUIRE(parsed.err == "tributary-edge: " + mistake + "\nTry tributary-edge --help.\n");
}

}  // namespace

TEST_CASE("options may stand before or after the command") {
  for (const auto& arguments :
       {std::vector<const char*>{"--config", "a.toml", "--set", "x=1", "--log-format", "json",
                                 "--set", "y=[1, 2]", "run"},
        std::vector<const char*>{"run", "--config", "a.toml", "--set", "x=1", "--log-format=json",
                                 "--set", "y=[1, 2]"},
        std::vector<const char*>{"--set", "x=1", "run", "--config=a.toml", "--set=y=[1, 2]",
                                 "--log-format", "json"}}) {
    const auto parsed = parse(arguments);
    INFO(parsed.err);
    REQUIRE(parsed.outcome.command_line);
    const auto& line = *parsed.outcome.command_line;
    REQUIRE(line.command == "run");
    REQUIRE(line.config_file == "a.toml");
    REQUIRE(line.sets == std::vector<std::string>{"x=1", "y=[1, 2]"});
    REQUIRE(line.log_format == "json");
  }
}

TEST_CASE("a command with sub-commands gets its arguments") {
  const auto parsed = parse({"buffer", "list", "--set", "x=1", "telemetry"});
  REQUIRE(parsed.outcome.command_line);
  REQUIRE(parsed.outcome.command_line->arguments == std::vector<std::string>{"list", "telemetry"});
  REQUIRE(parsed.outcome.command_line->sets == std::vector<std::string>{"x=1"});
}

TEST_CASE("help and version are printed on standard output, and are no mistake") {
  const auto help = parse({"--help"});
  REQUIRE_FALSE(help.outcome.command_line);
  REQUIRE(help.outcome.exit_status == kExitOk);
  for (const auto* text : {"--config", "--set", "--log-format", "run the agent", "buffer"}) {
    REQUIRE(help.out.find(text) != std::string::npos);
  }
  REQUIRE(parse({"run", "--help"}).outcome.exit_status == kExitOk);
  const auto version = parse({"--version"});
  REQUIRE(version.outcome.exit_status == kExitOk);
  REQUIRE(version.out == "tributary-edge 1.2.3\n");
  REQUIRE(parse({"version"}).outcome.command_line->command == "version");
}

TEST_CASE("a missing or unknown command names the commands") {
  require_mistake(parse({}), "a command is missing: the commands are run, buffer, version");
  require_mistake(parse({"--set", "a=1"}),
                  "a command is missing: the commands are run, buffer, version");
  require_mistake(parse({"fly"}),
                  "\"fly\" is not a command: the commands are run, buffer, version");
}

TEST_CASE("an unknown option, a surplus argument and a missing value are mistakes") {
  require_mistake(parse({"run", "--token=s3cret"}), "--token is not an option");
  require_mistake(parse({"run", "fast"}), "run takes no further argument: \"fast\"");
  REQUIRE(parse({"run", "--config"}).outcome.exit_status == kExitUsage);
  REQUIRE(parse({"run", "--log-format", "xml"}).outcome.exit_status == kExitUsage);
}

TEST_CASE("a command has options of its own, before or after its arguments") {
  const auto parsed = parse({"buffer", "--reason", "invalid", "list", "--dry-run", "telemetry",
                             "--reason=conflict", "--set", "id=a"});
  REQUIRE(parsed.outcome.command_line);
  const auto& line = *parsed.outcome.command_line;
  REQUIRE(line.arguments == std::vector<std::string>{"list", "telemetry"});
  REQUIRE(line.values("--reason") == std::vector<std::string>{"invalid", "conflict"});
  REQUIRE(line.has("--dry-run"));
  REQUIRE(line.values("--dry-run").empty());
  REQUIRE(line.sets == std::vector<std::string>{"id=a"});
  REQUIRE(!parse({"buffer"}).outcome.command_line->has("--reason"));
}

TEST_CASE("an option of another command is refused") {
  const auto parsed = parse({"run", "--dry-run"});
  REQUIRE(parsed.outcome.exit_status == kExitUsage);
  REQUIRE(parsed.err.find("--dry-run") != std::string::npos);
}
