#include "shared/config/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "shared/base/byte_size.h"
#include "shared/base/duration.h"
#include "shared/base/nearest.h"
#include "shared/config/tree.h"

namespace tributary {
namespace {

using Kind = SettingNode::Kind;

std::string hint(const std::string& unknown, const SettingNode& table) {
  const std::vector<std::string_view> known(table.asked.begin(), table.asked.end());
  const auto meant = nearest(unknown, known);
  return meant.empty() ? std::string() : ": did you mean " + std::string(meant) + '?';
}

void add_unknown(const SettingNode& node, std::vector<std::string>& mistakes) {
  for (const auto& child : node.children) {
    if (!child->present()) continue;
    if (!child->known) {
      mistakes.push_back(child->place + ": " + child->path() + " is not a setting" +
                         hint(child->name, node));
    } else {
      add_unknown(*child, mistakes);
    }
  }
}

bool is_finite(const SettingNode& node) {
  return !(node.is(Kind::number) && !std::isfinite(node.number)) &&
         std::ranges::all_of(node.children, [](const auto& child) { return is_finite(*child); });
}

std::string size_text(std::uint64_t bytes) {
  for (const auto& [unit, length] :
       {std::pair{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}}) {
    if (bytes != 0 && bytes % length == 0) return std::to_string(bytes / length) + unit;
  }
  return std::to_string(bytes);
}

// Shortest form, as a person writes it.
std::string number_text(double number) {
  std::array<char, 32> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr};
}

}  // namespace

SettingNode* Settings::look_up(std::string_view key) const {
  if (!node_->asked.contains(key)) node_->asked.emplace(key);
  SettingNode* const found = node_->find(key);
  if (found == nullptr || !found->present()) return nullptr;
  found->known = true;
  return found;
}

void Settings::refuse_kind(SettingNode& node, std::string_view expected) const {
  node.mark_known();  // what is below needs no words of its own
  tree_->add_mistake(node.place, node.path() + " is " + std::string(node.kind_text()) +
                                     ", but must be " + std::string(expected));
}

std::string Settings::string(std::string_view key, std::string_view absent) const {
  return optional_string(key).value_or(std::string(absent));
}

std::optional<std::string> Settings::optional_string(std::string_view key) const {
  SettingNode* const node = look_up(key);
  if (node == nullptr) return std::nullopt;
  if (node->is(Kind::string)) return node->text;
  if (node->raw) return node->raw;
  refuse_kind(*node, "a string: write it in quotes, as \"text\"");
  return std::nullopt;
}

std::string Settings::choice(std::string_view key, std::string_view absent,
                             std::span<const std::string_view> choices) const {
  const auto text = optional_string(key);
  if (!text) return std::string(absent);
  if (std::ranges::find(choices, *text) != choices.end()) return *text;
  std::string list;
  for (const auto choice : choices) {
    if (!list.empty()) list += choice == choices.back() ? " or " : ", ";
    list += '"' + std::string(choice) + '"';
  }
  const SettingNode& node = *node_->find(key);
  tree_->add_mistake(node.place, node.path() + " is \"" + *text + "\", but must be " + list);
  return std::string(absent);
}

bool Settings::boolean(std::string_view key, bool absent) const {
  SettingNode* const node = look_up(key);
  if (node == nullptr) return absent;
  if (node->is(Kind::boolean)) return node->boolean;
  refuse_kind(*node, "true or false");
  return absent;
}

std::int64_t Settings::integer(std::string_view key, std::int64_t absent, std::int64_t least,
                               std::int64_t most) const {
  SettingNode* const node = look_up(key);
  if (node == nullptr) return absent;
  if (!node->is(Kind::integer)) {
    refuse_kind(*node, "a whole number, as " + std::to_string(absent));
    return absent;
  }
  if (node->integer >= least && node->integer <= most) return node->integer;
  tree_->add_mistake(node->place, node->path() + " is " + std::to_string(node->integer) +
                                      ", but must be from " + std::to_string(least) + " to " +
                                      std::to_string(most));
  return absent;
}

double Settings::number(std::string_view key, double absent, double least, double most) const {
  SettingNode* const node = look_up(key);
  if (node == nullptr) return absent;
  if (!node->is(Kind::number) && !node->is(Kind::integer)) {
    refuse_kind(*node, "a number, as " + number_text(absent));
    return absent;
  }
  const double value = node->is(Kind::integer) ? static_cast<double>(node->integer) : node->number;
  if (value >= least && value <= most) return value;
  tree_->add_mistake(node->place, node->path() + " is " + number_text(value) +
                                      ", but must be from " + number_text(least) + " to " +
                                      number_text(most));
  return absent;
}

std::uint64_t Settings::bytes(std::string_view key, std::uint64_t absent, std::uint64_t least,
                              std::uint64_t most) const {
  SettingNode* const node = look_up(key);
  if (node == nullptr) return absent;
  std::optional<std::uint64_t> value;
  if (node->is(Kind::integer) && node->integer >= 0)
    value = static_cast<std::uint64_t>(node->integer);
  if (node->is(Kind::string)) {
    const auto parsed = parse_byte_size(node->text);
    if (!parsed) {
      tree_->add_mistake(node->place, node->path() + ": " + parsed.error().context());
      return absent;
    }
    value = *parsed;
  }
  if (!value) {
    refuse_kind(*node, "a size, as \"" + size_text(absent) + '"');
    return absent;
  }
  if (*value >= least && *value <= most) return *value;
  tree_->add_mistake(node->place, node->path() + " is " + size_text(*value) +
                                      ", but must be from " + size_text(least) + " to " +
                                      size_text(most));
  return absent;
}

std::chrono::milliseconds Settings::duration(std::string_view key, std::chrono::milliseconds absent,
                                             std::chrono::milliseconds least,
                                             std::chrono::milliseconds most) const {
  SettingNode* const node = look_up(key);
  if (node == nullptr) return absent;
  std::optional<double> value;
  if (node->is(Kind::integer)) value = static_cast<double>(node->integer) * 1000;
  if (node->is(Kind::number)) value = node->number * 1000;
  if (node->is(Kind::string)) value = parse_milliseconds(node->text);
  if (!value || !std::isfinite(*value)) {
    const std::string there =
        node->is(Kind::string) ? '"' + node->text + '"' : std::string(node->kind_text());
    tree_->add_mistake(node->place, node->path() + " is " + there +
                                        ", but must be a duration, as \"" + duration_text(absent) +
                                        "\" (ms, s, m, h, d)");
    return absent;
  }
  if (*value >= static_cast<double>(least.count()) && *value <= static_cast<double>(most.count())) {
    return std::chrono::milliseconds(std::llround(*value));
  }
  const std::string there = node->is(Kind::string) ? node->text : number_text(*value / 1000) + "s";
  tree_->add_mistake(node->place, node->path() + " is " + there + ", but must be from " +
                                      duration_text(least) + " to " + duration_text(most));
  return absent;
}

std::vector<std::string> Settings::strings(std::string_view key,
                                           std::vector<std::string> absent) const {
  SettingNode* const node = look_up(key);
  if (node == nullptr) return absent;
  node->mark_known();
  // From the environment or --set one needs no brackets.
  if (node->raw && !node->is(Kind::array) && !node->is(Kind::table))
    return {node->is(Kind::string) ? node->text : *node->raw};
  if (!node->is(Kind::array)) {
    refuse_kind(*node, "an array of strings, as [\"a\", \"b\"]");
    return absent;
  }
  std::vector<std::string> values;
  for (const auto& element : node->children) {
    if (!element->is(Kind::string)) {
      refuse_kind(*element, "a string: write it in quotes, as \"text\"");
      return absent;
    }
    values.push_back(element->text);
  }
  return values;
}

Settings Settings::table(std::string_view key) const {
  SettingNode* found = look_up(key);
  if (found != nullptr && found->is(Kind::table)) return {tree_, found};
  if (found != nullptr) {
    refuse_kind(*found, "a table: write [" + found->path() + "] and its settings below it");
    // What is asked of it goes to an empty table beside it.
    found = nullptr;
  } else {
    found = node_->find(key);
  }
  return {tree_, found != nullptr ? found : &node_->add(std::string(key))};
}

bool Settings::has(std::string_view key) const { return look_up(key) != nullptr; }

std::vector<Settings> Settings::tables(std::string_view key) const {
  std::vector<Settings> result;
  SettingNode* const node = look_up(key);
  if (node == nullptr || node->is(Kind::table)) return result;
  if (!node->is(Kind::array)) {
    refuse_kind(*node, "tables: write [[" + node->path() + "]] before each");
    return result;
  }
  for (const auto& element : node->children) {
    element->known = true;
    if (element->is(Kind::table)) {
      result.push_back({tree_, element.get()});
    } else {
      refuse_kind(*element, "a table");
    }
  }
  return result;
}

std::vector<Settings> Settings::named_tables(std::string_view key) const {
  SettingNode* const node = look_up(key);
  if (node != nullptr && node->is(Kind::table)) return tables_by_key(*node);
  std::vector<Settings> result;
  std::vector<std::string> names;
  for (auto& table : tables(key)) {
    const bool nameless = table.node_->find("name") == nullptr;
    const auto name = table.optional_string("name");
    if (nameless)
      tree_->add_mistake(table.node_->place,
                         "this [[" + std::string(key) + "]] has no name: add name = \"…\"");
    if (!name) {
      table.node_->mark_known();
      continue;
    }
    if (std::ranges::find(names, *name) != names.end()) {
      tree_->add_mistake(table.place("name"),
                         node->path() + ": there is one named \"" + *name + "\" already");
      table.node_->mark_known();
      continue;
    }
    names.push_back(*name);
    result.push_back(std::move(table));
  }
  return result;
}

// [key.NAME], as --set makes it: the same as [[key]] with that name.
std::vector<Settings> Settings::tables_by_key(SettingNode& table) const {
  std::vector<Settings> result;
  for (const auto& element : table.children) {
    element->known = true;
    if (!element->is(Kind::table)) {
      refuse_kind(*element, "a table: write [[" + table.path() +
                                "]], with two brackets, before each, or " + table.path() +
                                ".NAME." + element->name + " after --set");
      continue;
    }
    if (element->find("name") == nullptr) {
      SettingNode& name = element->add("name");
      name.kind = Kind::string;
      name.text = element->name;
    }
    result.push_back({tree_, element.get()});
  }
  return result;
}

std::vector<std::pair<std::string, std::string>> Settings::entries() const {
  std::vector<std::pair<std::string, std::string>> result;
  for (const auto& child : node_->children) {
    if (!child->present()) continue;
    child->mark_known();
    if (!is_finite(*child)) {
      tree_->add_mistake(child->place,
                         child->path() + " has a number that isn't finite: JSON has none");
    } else {
      result.emplace_back(child->name, child->json());
    }
  }
  return result;
}

void Settings::refuse(std::string_view key, std::string_view reason) const {
  const std::string table = node_->path();
  tree_->add_mistake(place(key), (table.empty() ? table : table + '.') + std::string(key) + ": " +
                                     std::string(reason));
}

std::string Settings::place(std::string_view key) const {
  const SettingNode* const node = node_->find(key);
  return node != nullptr && node->present() ? node->place : node_->place;
}

std::optional<std::string> Settings::variable(std::string_view name) const {
  const auto found = tree_->variables.find(name);
  if (found == tree_->variables.end() || found->second.value.empty()) return std::nullopt;
  return found->second.value;
}

void Settings::refuse_variable(std::string_view name, std::string_view reason) const {
  const auto found = tree_->variables.find(name);
  const auto place = found == tree_->variables.end() ? "environment" : found->second.place;
  tree_->add_mistake(place, std::string(name) + ": " + std::string(reason));
}

Result<void> Settings::finish() const {
  auto mistakes = tree_->mistakes;
  add_unknown(tree_->root, mistakes);
  if (mistakes.empty()) return {};
  std::string text;
  for (const auto& mistake : mistakes) {
    if (!text.empty()) text += '\n';
    text += mistake;
  }
  return fail(errc::invalid_argument, text);
}

}  // namespace tributary
