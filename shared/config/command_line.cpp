#include "shared/config/command_line.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>

namespace tributary {
namespace {

std::string names_of(const std::vector<Command>& commands) {
  std::string names;
  for (const auto& command : commands) names += (names.empty() ? "" : ", ") + command.name;
  return names;
}

CommandLineOutcome refuse(const std::string& program, const std::string& mistake) {
  std::fprintf(stderr, "%s: %s\nTry %s --help.\n", program.c_str(), mistake.c_str(),
               program.c_str());
  return {std::nullopt, kExitUsage};
}

void add_options(CLI::App& app, CommandLine& to) {
  app.add_option("--config", to.config_file, "the configuration file (TOML)")->type_name("FILE");
  app.add_option("--set", to.sets,
                 "change one setting, as --set mqtt.url=mqtt://broker; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_option("--log-format", to.log_format,
                 "json or text (default: text on a terminal, json elsewhere)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"json", "text"}));
}

// `app` is the command's.
void add_options(CLI::App& app, const std::vector<CommandOption>& options) {
  for (const auto& option : options) {
    if (option.value.empty()) {
      app.add_flag(option.name, option.description);
      continue;
    }
    app.add_option(option.name)
        ->description(option.description)
        ->type_name(option.value)
        ->type_size(1)
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false);
  }
}

void take_options(const CLI::App& app, const std::vector<CommandOption>& options, CommandLine& to) {
  for (const auto& option : options) {
    const auto* const given = app.get_option(option.name);
    if (given->count() == 0) continue;
    to.options[option.name] = option.value.empty() ? CLI::results_t() : given->results();
  }
}

// What CLI11 didn't take. Option values may be secrets: only what looks like a name is repeated.
std::string unexpected(const std::string& argument, const std::string& command,
                       const std::vector<Command>& commands) {
  if (argument.starts_with('-'))
    return argument.substr(0, argument.find('=')) + " is not an option";
  if (command.empty())
    return '"' + argument + "\" is not a command: the commands are " + names_of(commands);
  return command + " takes no further argument: \"" + argument + '"';
}

}  // namespace

CommandLineOutcome parse_command_line(int argc, const char* const* argv, const std::string& program,
                                      const std::string& description,
                                      const std::vector<Command>& commands,
                                      const std::string& version) {
  CommandLine result;
  CLI::App app(description, program);
  app.allow_extras();
  app.fallthrough();
  app.set_version_flag("--version", program + ' ' + version);
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(36);
  add_options(app, result);
  for (const auto& command : commands) {
    CLI::App* const sub = app.add_subcommand(command.name, command.description);
    if (!command.arguments.empty()) {
      sub->add_option("arguments", result.arguments, command.arguments)->type_name("");
    }
    add_options(*sub, command.options);
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    app.exit(asked);
    return {std::nullopt, kExitOk};
  } catch (const CLI::ParseError& error) {
    return refuse(program, error.what());
  }

  const auto used = app.get_subcommands();
  if (!used.empty()) result.command = used.front()->get_name();
  for (const auto& command : commands) {
    if (command.name == result.command) take_options(*used.front(), command.options, result);
  }
  if (const auto extras = app.remaining(true); !extras.empty()) {
    return refuse(program, unexpected(extras.front(), result.command, commands));
  }
  if (used.empty())
    return refuse(program, "a command is missing: the commands are " + names_of(commands));
  return {std::move(result), kExitOk};
}

int finish_output(int status, const char* program) {
  const bool failed = std::ferror(stdout) != 0 || std::fflush(stdout) != 0;
  // Whoever reads from a pipe may have had enough.
  if (!failed || errno == EPIPE) return status;
  std::fprintf(stderr, "%s: the answer could not be written: is the disk full?\n", program);
  return status == kExitOk ? kExitFailed : status;
}

}  // namespace tributary
