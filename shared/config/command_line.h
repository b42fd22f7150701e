#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/config/settings.h"

namespace tributary {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  // at run time
inline constexpr int kExitUsage = 2;   // wrong usage or configuration

// An option of one command: "--reason".
struct CommandOption {
  std::string name;
  std::string description;
  std::string value = {};  // what it takes, for --help: "REASON"; empty: nothing
};

struct Command {
  std::string name;            // "run"
  std::string description;     // one line for --help
  std::string arguments = {};  // what may follow it, for --help: "list [PIPELINE]"; empty: nothing
  std::vector<CommandOption> options = {};
};

// What the user asked for. All commands take --config FILE, --set KEY=VALUE (repeatable),
// --log-format json|text and --help, before or after the command.
struct CommandLine {
  std::string command;
  std::vector<std::string> arguments;  // after the command
  // The command's own options that were given, each with its values ({} for one that takes none).
  std::map<std::string, std::vector<std::string>> options;
  std::string config_file;
  std::vector<std::string> sets;
  std::string log_format;  // empty: text on a terminal, else json

  [[nodiscard]] bool has(const std::string& option) const { return options.contains(option); }
  [[nodiscard]] std::vector<std::string> values(const std::string& option) const {
    const auto found = options.find(option);
    return found == options.end() ? std::vector<std::string>() : found->second;
  }
};

// The parsed command line; or, after --help or --version (printed on standard output) or a mistake
// (on standard error, with the way out), the exit status. Without a command, or with an unknown
// one, the mistake names the commands.
struct CommandLineOutcome {
  std::optional<CommandLine> command_line;
  int exit_status = kExitOk;
};

CommandLineOutcome parse_command_line(int argc, const char* const* argv, const std::string& program,
                                      const std::string& description,
                                      const std::vector<Command>& commands,
                                      const std::string& version);

// The exit status of a command that has printed its answer: `status`, or kExitFailed with a message
// when the answer could not be written (a full disk). Call it last.
int finish_output(int status, const char* program);

}  // namespace tributary
