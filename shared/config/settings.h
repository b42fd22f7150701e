#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace tributary {

struct SettingNode;
struct SettingTree;

// Where settings come from, weakest first: the file, `.env` in the working directory, the
// environment, --set. Defaults are the reader's.
struct SettingSources {
  std::string file;                                // empty: none
  std::map<std::string, std::string> environment;  // all of it; TRIBUTARY_… are settings
  std::string dotenv_file = ".env";                // read when it exists
  std::vector<std::string> sets;                   // "key.path=value"
};

// A variable's name gives the key: TRIBUTARY_MQTT__URL is mqtt.url ('__' for the dot, in any case,
// '_' also for '-'); TRIBUTARY_TEST_… is left to tests. A value there or after --set is TOML if it
// parses, else a string; where a string is asked for it is a string in any case, and alone it is a
// list. `key.NAME.member` is the member of the [[key]] of that name, `key.0.member` that of the
// first one.

// One table of the settings, and by it the whole tree. Reading a key marks it as known; a key that
// nobody read is a mistake. Nothing throws and nothing stops at the first mistake: bad values are
// collected, the reader gets the default, and finish() tells all of them, each with its place
// ("edge.toml:12", "environment TRIBUTARY_MQTT__URL", "--set mqtt.url").
//
//     auto settings = Settings::load(sources);
//     const auto buffer = settings->table("buffer");
//     options.size_max = buffer.bytes("max_size", 256 << 20, 1 << 20, 1ull << 40);
//     for (const auto& pipeline : settings->named_tables("pipeline")) …
//     TRIBUTARY_TRY(settings->finish());
//
// One thread. Sub-tables stay valid while the Settings they came from live.
class Settings {
 public:
  // errc::invalid_argument with place and reason when the file isn't TOML or can't be read, or a
  // --set isn't of its form.
  static Result<Settings> load(const SettingSources& sources);

  // Each gives the default when the key is absent. Bounds are inclusive.
  std::string string(std::string_view key, std::string_view absent = {}) const;
  std::optional<std::string> optional_string(std::string_view key) const;
  // One of `choices`.
  std::string choice(std::string_view key, std::string_view absent,
                     std::span<const std::string_view> choices) const;
  bool boolean(std::string_view key, bool absent) const;
  std::int64_t integer(std::string_view key, std::int64_t absent, std::int64_t least,
                       std::int64_t most) const;
  double number(std::string_view key, double absent, double least, double most) const;
  // "256MiB" or a number of bytes.
  std::uint64_t bytes(std::string_view key, std::uint64_t absent, std::uint64_t least,
                      std::uint64_t most) const;
  // "100ms", "10s", "5m", "2h", "90d", or a number of seconds.
  std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds absent,
                                     std::chrono::milliseconds least,
                                     std::chrono::milliseconds most) const;
  std::vector<std::string> strings(std::string_view key,
                                   std::vector<std::string> absent = {}) const;

  // A sub-table, empty when absent.
  Settings table(std::string_view key) const;
  bool has(std::string_view key) const;
  // The tables of [[key]], in order; none when only the environment or --set speak of the key.
  std::vector<Settings> tables(std::string_view key) const;
  // The tables of [[key]] whose member `name` names each; `--set key.NAME.member=…` and
  // TRIBUTARY_KEY__NAME__MEMBER change the one of that name, or add one.
  std::vector<Settings> named_tables(std::string_view key) const;
  // Every key of this table with its value as JSON text: for tables whose keys are the user's own
  // (`fields`, `set`). Dates are strings. Marks them all as known.
  std::vector<std::pair<std::string, std::string>> entries() const;

  // Adds the mistake "place: key: reason"; for checks that only the reader can do.
  void refuse(std::string_view key, std::string_view reason) const;
  // "edge.toml:12"; the table's own place when the key is absent.
  std::string place(std::string_view key) const;

  // A variable whose name isn't of the form TRIBUTARY_…, from the environment or else `.env`. An
  // empty one is as good as none: that is what compose makes of one that it wasn't given.
  std::optional<std::string> variable(std::string_view name) const;
  // Adds the mistake "place: NAME: reason".
  void refuse_variable(std::string_view name, std::string_view reason) const;

  // errc::invalid_argument with every mistake, one a line, unknown keys among them (with the
  // nearest known key as a hint).
  Result<void> finish() const;

 private:
  Settings(std::shared_ptr<SettingTree> tree, SettingNode* node)
      : tree_(std::move(tree)), node_(node) {}
  SettingNode* look_up(std::string_view key) const;  // nullptr when absent
  void refuse_kind(SettingNode& node, std::string_view expected) const;
  std::vector<Settings> tables_by_key(SettingNode& table) const;

  std::shared_ptr<SettingTree> tree_;
  SettingNode* node_;
};

// The variables of a `.env` file, by name; none when there is no such file. Lines that aren't of
// the form are left out.
Result<std::map<std::string, std::string>> read_dotenv(const std::string& path);

// Below $STATE_DIRECTORY, else $XDG_STATE_HOME/tributary, else ~/.local/state/tributary.
std::string default_state_directory(const std::map<std::string, std::string>& environment);

// The environment of this process.
std::map<std::string, std::string> process_environment();

}  // namespace tributary
