#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tributary {

// One value of the settings, with where it came from. Internal to shared/config; one thread.
struct SettingNode {
  enum class Kind { absent, table, array, string, integer, number, boolean };

  Kind kind = Kind::absent;
  std::string name;   // in its table; an array's elements have none
  std::string place;  // "edge.toml:12"
  std::string text;   // of a string or a date
  std::int64_t integer = 0;
  double number = 0;
  bool boolean = false;
  // As it stood in the environment or after --set: there, 12345 may be meant as a string.
  std::optional<std::string> raw;
  std::vector<std::unique_ptr<SettingNode>> children;  // of a table or an array
  SettingNode* parent = nullptr;

  bool known = false;                        // somebody read it
  std::set<std::string, std::less<>> asked;  // what was looked for in this table

  [[nodiscard]] bool is(Kind other) const { return kind == other; }
  [[nodiscard]] bool present() const { return kind != Kind::absent; }
  // "pipeline.telemetry.store", as --set addresses it.
  [[nodiscard]] std::string path() const;
  // "a table", "a whole number".
  [[nodiscard]] std::string_view kind_text() const;
  [[nodiscard]] std::string json() const;

  [[nodiscard]] SettingNode* find(std::string_view child) const;
  SettingNode& add(std::string child);
  // Takes over everything but the place in the tree.
  void become(SettingNode&& other);
  void mark_known();
};

// How a segment of a path finds the child it means.
enum class NameMatch {
  exact,
  environment  // in lower case, with '_' for '-'
};

// What is wrong with a path or the tree that it goes through; empty: found, or made.
struct NodeAtPath {
  SettingNode* node = nullptr;
  std::string mistake;
};
// A named table of an array is addressed by its `name`, any element by its index.
NodeAtPath find_or_add(SettingNode& root, const std::vector<std::string>& path, NameMatch match,
                       const std::string& place);

}  // namespace tributary
