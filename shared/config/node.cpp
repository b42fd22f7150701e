#include "shared/config/node.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "shared/base/json_string.h"

namespace tributary {
namespace {

using Kind = SettingNode::Kind;

// The shortest text that reads back as the same number, always told from an integer.
std::string number_text(double number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  std::string text(digits.data(), end);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string as_environment_name(std::string_view name) {
  std::string result(name);
  std::ranges::transform(result, result.begin(), [](char c) {
    if (c == '-') return '_';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

bool means(std::string_view segment, std::string_view name, NameMatch match) {
  return segment == name ||
         (match == NameMatch::environment && segment == as_environment_name(name));
}

std::optional<std::size_t> as_index(std::string_view segment) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(segment.data(), segment.data() + segment.size(), index);
  if (error != std::errc() || end != segment.data() + segment.size()) return std::nullopt;
  return index;
}

SettingNode* find_element(const SettingNode& array, const std::string& segment, NameMatch match) {
  for (const auto& element : array.children) {
    const SettingNode* const name = element->find("name");
    if (name != nullptr && name->is(Kind::string) && means(segment, name->text, match))
      return element.get();
  }
  const auto index = as_index(segment);
  return index && *index < array.children.size() ? array.children[*index].get() : nullptr;
}

SettingNode& add_element(SettingNode& array, const std::string& name, const std::string& place) {
  SettingNode& element = array.add({});
  element.kind = Kind::table;
  element.place = place;
  SettingNode& its_name = element.add("name");
  its_name.kind = Kind::string;
  its_name.text = name;
  its_name.place = place;
  return element;
}

SettingNode* find_member(const SettingNode& table, const std::string& segment, NameMatch match) {
  if (SettingNode* const exact = table.find(segment); exact != nullptr) return exact;
  const auto found = std::ranges::find_if(
      table.children, [&](const auto& child) { return means(segment, child->name, match); });
  return found == table.children.end() ? nullptr : found->get();
}

}  // namespace

std::string SettingNode::path() const {
  if (parent == nullptr) return {};
  std::string mine = name;
  if (parent->is(Kind::array)) {
    const SettingNode* const its_name = is(Kind::table) ? find("name") : nullptr;
    if (its_name != nullptr && its_name->is(Kind::string)) {
      mine = its_name->text;
    } else {
      const auto self = std::ranges::find_if(
          parent->children, [this](const auto& child) { return child.get() == this; });
      mine = std::to_string(self - parent->children.begin());
    }
  }
  const std::string before = parent->path();
  return before.empty() ? mine : before + '.' + mine;
}

std::string_view SettingNode::kind_text() const {
  switch (kind) {
    case Kind::absent:
      return "not there";
    case Kind::table:
      return "a table";
    case Kind::array:
      return "an array";
    case Kind::string:
      return "a string";
    case Kind::integer:
      return "a whole number";
    case Kind::number:
      return "a number with a fraction";
    case Kind::boolean:
      return "a boolean";
  }
  return "unknown";
}

std::string SettingNode::json() const {
  switch (kind) {
    case Kind::string:
      return json_string(text);
    case Kind::integer:
      return std::to_string(integer);
    case Kind::number:
      return number_text(number);
    case Kind::boolean:
      return boolean ? "true" : "false";
    case Kind::absent:
      return "null";
    case Kind::table:
    case Kind::array:
      break;
  }
  std::string result;
  for (const auto& child : children) {
    if (!child->present()) continue;
    if (!result.empty()) result += ',';
    if (is(Kind::table)) result += json_string(child->name) + ':';
    result += child->json();
  }
  return is(Kind::table) ? '{' + result + '}' : '[' + result + ']';
}

SettingNode* SettingNode::find(std::string_view child) const {
  const auto found = std::ranges::find(
      children, child, [](const auto& node) -> std::string_view { return node->name; });
  return found == children.end() ? nullptr : found->get();
}

SettingNode& SettingNode::add(std::string child) {
  auto& added = children.emplace_back(std::make_unique<SettingNode>());
  added->name = std::move(child);
  added->place = place;
  added->parent = this;
  return *added;
}

void SettingNode::become(SettingNode&& other) {
  kind = other.kind;
  place = std::move(other.place);
  text = std::move(other.text);
  integer = other.integer;
  number = other.number;
  boolean = other.boolean;
  raw = std::move(other.raw);
  children = std::move(other.children);
  for (const auto& child : children) child->parent = this;
}

void SettingNode::mark_known() {
  known = true;
  for (const auto& child : children) child->mark_known();
}

NodeAtPath find_or_add(SettingNode& root, const std::vector<std::string>& path, NameMatch match,
                       const std::string& place) {
  SettingNode* node = &root;
  for (const auto& segment : path) {
    if (node->is(Kind::absent)) {
      node->kind = Kind::table;
      node->place = place;
    }
    if (node->is(Kind::table)) {
      SettingNode* const member = find_member(*node, segment, match);
      node = member != nullptr ? member : &node->add(segment);
    } else if (node->is(Kind::array)) {
      const bool of_tables = std::ranges::all_of(
          node->children, [](const auto& child) { return child->is(Kind::table); });
      if (!of_tables)
        return {nullptr,
                node->path() + " is an array of values (" + node->place + "): set all of it"};
      SettingNode* const element = find_element(*node, segment, match);
      if (element == nullptr && as_index(segment)) {
        return {nullptr, "there is no " + node->path() + " number " + segment + ": there are " +
                             std::to_string(node->children.size()) + ", counted from 0"};
      }
      node = element != nullptr ? element : &add_element(*node, segment, place);
    } else {
      return {nullptr, node->path() + " is " + std::string(node->kind_text()) + " (" + node->place +
                           "): it has nothing named " + segment};
    }
  }
  return {node, {}};
}

}  // namespace tributary
