// toml++'s headers are its implementation here; without exceptions parse() returns its errors.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <fcntl.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "shared/config/dotenv.h"
#include "shared/config/settings.h"
#include "shared/config/tree.h"

extern char** environ;

namespace tributary {
namespace {

using Kind = SettingNode::Kind;

constexpr std::size_t kFileMax = 4U << 20;
constexpr std::string_view kPrefix = "TRIBUTARY_";
constexpr std::string_view kTestPrefix = "TRIBUTARY_TEST_";

Result<std::string> read_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return fail_errno("cannot read " + path);
  std::string text;
  std::array<char, 16384> piece{};
  ssize_t length = 0;
  while (text.size() <= kFileMax && (length = ::read(file, piece.data(), piece.size())) > 0) {
    text.append(piece.data(), static_cast<std::size_t>(length));
  }
  const int reason = errno;
  ::close(file);
  if (length < 0) {
    errno = reason;
    return fail_errno("cannot read " + path);
  }
  if (text.size() > kFileMax)
    return fail(errc::too_large, path + " is over 4 MiB: it can't be a configuration file");
  return text;
}

std::string text_of(const toml::date& date) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04u-%02u-%02u", unsigned{date.year},
                unsigned{date.month}, unsigned{date.day});
  return text.data();
}

std::string text_of(const toml::time& time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%02u:%02u:%02u", unsigned{time.hour},
                unsigned{time.minute}, unsigned{time.second});
  std::string result = text.data();
  if (time.nanosecond == 0) return result;
  std::snprintf(text.data(), text.size(), ".%09u", unsigned{time.nanosecond});
  result += text.data();
  return result.substr(0, result.find_last_not_of('0') + 1);
}

std::string text_of(const toml::date_time& instant) {
  std::string result = text_of(instant.date) + 'T' + text_of(instant.time);
  if (!instant.offset) return result;
  const int minutes = instant.offset->minutes;
  if (minutes == 0) return result + 'Z';
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%c%02d:%02d", minutes < 0 ? '-' : '+',
                std::abs(minutes) / 60, std::abs(minutes) % 60);
  return result + text.data();
}

// `file`: for places with lines; otherwise `place` is that of all of it.
void convert(const toml::node& from, SettingNode& to, const std::string* file,
             const std::string& place) {
  to.place = file == nullptr ? place : *file + ':' + std::to_string(from.source().begin.line);
  if (const auto* table = from.as_table()) {
    to.kind = Kind::table;
    // toml++ sorts by name; mistakes and entries come in the order of the file.
    std::vector<std::pair<const toml::key*, const toml::node*>> members;
    for (const auto& [key, value] : *table) members.emplace_back(&key, &value);
    std::ranges::stable_sort(members, {}, [](const auto& member) {
      return std::pair(member.first->source().begin.line, member.first->source().begin.column);
    });
    for (const auto& [key, value] : members) {
      SettingNode& child = to.add(std::string(key->str()));
      convert(*value, child, file, place);
      // A value may begin further down than its key.
      if (file != nullptr && !value->is_table())
        child.place = *file + ':' + std::to_string(key->source().begin.line);
    }
  } else if (const auto* array = from.as_array()) {
    to.kind = Kind::array;
    for (const auto& value : *array) convert(value, to.add({}), file, place);
  } else if (const auto* text = from.as_string()) {
    to.kind = Kind::string;
    to.text = text->get();
  } else if (const auto* integer = from.as_integer()) {
    to.kind = Kind::integer;
    to.integer = integer->get();
  } else if (const auto* number = from.as_floating_point()) {
    to.kind = Kind::number;
    to.number = number->get();
  } else if (const auto* boolean = from.as_boolean()) {
    to.kind = Kind::boolean;
    to.boolean = boolean->get();
  } else {
    to.kind = Kind::string;
    if (const auto* date = from.as_date()) to.text = text_of(date->get());
    if (const auto* time = from.as_time()) to.text = text_of(time->get());
    if (const auto* instant = from.as_date_time()) to.text = text_of(instant->get());
  }
}

Result<void> load_file(const std::string& path, SettingTree& tree) {
  TRIBUTARY_ASSIGN(const std::string text, read_file(path));
  const auto parsed = toml::parse(text);
  if (!parsed) {
    const auto& error = parsed.error();
    return fail(errc::invalid_argument,
                path + ':' + std::to_string(error.source().begin.line) + ": column " +
                    std::to_string(error.source().begin.column) +
                    ": this is not TOML: " + std::string(error.description()));
  }
  convert(parsed.table(), tree.root, &path, {});
  tree.root.place = path;
  return {};
}

// TOML when it parses as one value, else a string.
SettingNode value_of(const std::string& raw, const std::string& place) {
  SettingNode node;
  node.kind = Kind::string;
  node.text = raw;
  node.place = place;
  if (raw.find('\n') == std::string::npos) {
    const auto parsed = toml::parse("value = " + raw);
    const toml::node* const value = parsed ? parsed.table().get("value") : nullptr;
    if (value != nullptr && parsed.table().size() == 1) convert(*value, node, nullptr, place);
  }
  node.raw = raw;
  return node;
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + separator.size());
  }
}

// A table given as a whole changes the keys that it has; any other value replaces what is there.
void merge(SettingNode& into, SettingNode&& value) {
  if (!into.is(Kind::table) || !value.is(Kind::table)) return into.become(std::move(value));
  for (auto& child : value.children) {
    SettingNode* const there = into.find(child->name);
    merge(there != nullptr ? *there : into.add(child->name), std::move(*child));
  }
}

void set(SettingTree& tree, const std::vector<std::string>& path, NameMatch match,
         const std::string& raw, const std::string& place) {
  if (std::ranges::find(path, std::string()) != path.end()) {
    return tree.add_mistake(place, "is not the name of a setting: it has an empty part");
  }
  auto [node, mistake] = find_or_add(tree.root, path, match, place);
  if (node == nullptr) return tree.add_mistake(place, mistake);
  merge(*node, value_of(raw, place));
}

// `source`: "environment" or ".env:3".
void set_from_environment(SettingTree& tree, const std::string& name, const std::string& value,
                          const std::string& source, const std::string& place) {
  if (name.starts_with(kTestPrefix)) return;
  if (!name.starts_with(kPrefix)) {
    if (value.empty()) return;
    tree.variables.insert_or_assign(name, SettingTree::Variable{.value = value, .place = source});
    return;
  }
  std::string key = name.substr(kPrefix.size());
  std::ranges::transform(key, key.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  set(tree, split(key, "__"), NameMatch::environment, value, place);
}

Result<std::vector<DotenvLine>> dotenv_lines(const std::string& path) {
  if (path.empty() || (::access(path.c_str(), F_OK) != 0 && errno == ENOENT))
    return std::vector<DotenvLine>();
  TRIBUTARY_ASSIGN(const std::string text, read_file(path));
  return parse_dotenv(text);
}

Result<void> load_dotenv(const std::string& path, SettingTree& tree) {
  TRIBUTARY_ASSIGN(const auto lines, dotenv_lines(path));
  for (const auto& line : lines) {
    const std::string place = path + ':' + std::to_string(line.number);
    if (line.name.empty()) {
      tree.add_mistake(place, "is not of the form NAME=VALUE");
    } else {
      set_from_environment(tree, line.name, line.value, place, place);
    }
  }
  return {};
}

}  // namespace

Result<Settings> Settings::load(const SettingSources& sources) {
  auto tree = std::make_shared<SettingTree>();
  tree->root.kind = Kind::table;
  tree->root.known = true;
  tree->root.place = "settings";
  if (!sources.file.empty()) TRIBUTARY_TRY(load_file(sources.file, *tree));
  TRIBUTARY_TRY(load_dotenv(sources.dotenv_file, *tree));
  for (const auto& [name, value] : sources.environment) {
    set_from_environment(*tree, name, value, "environment", "environment " + name);
  }
  for (const auto& text : sources.sets) {
    const auto equals = text.find('=');
    const std::string key = text.substr(0, equals);
    if (equals == std::string::npos || equals == 0) {
      // Not the text itself: it may be a secret that was meant to follow a key.
      return fail(errc::invalid_argument,
                  "a --set is not of the form key.path=value, as --set mqtt.url=mqtt://broker");
    }
    set(*tree, split(key, "."), NameMatch::exact, text.substr(equals + 1), "--set " + key);
  }
  SettingNode* const root = &tree->root;
  return Settings(std::move(tree), root);
}

Result<std::map<std::string, std::string>> read_dotenv(const std::string& path) {
  TRIBUTARY_ASSIGN(const auto lines, dotenv_lines(path));
  std::map<std::string, std::string> values;
  for (const auto& line : lines) {
    if (!line.name.empty()) values.insert_or_assign(line.name, line.value);
  }
  return values;
}

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> values;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos)
      values.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return values;
}

std::string default_state_directory(const std::map<std::string, std::string>& environment) {
  const auto value = [&](const char* name) -> std::string {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  // systemd gives several directories separated by colons: ours is the first.
  if (const auto given = value("STATE_DIRECTORY"); !given.empty())
    return given.substr(0, given.find(':'));
  // The XDG specification: a path that isn't absolute is to be ignored.
  if (const auto state = value("XDG_STATE_HOME"); state.starts_with('/'))
    return state + "/tributary";
  if (const auto home = value("HOME"); !home.empty()) return home + "/.local/state/tributary";
  return ".local/state/tributary";
}

}  // namespace tributary
