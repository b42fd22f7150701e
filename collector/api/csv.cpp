#include "collector/api/csv.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "shared/event/json.h"

namespace tributary::collector {
namespace {

using nlohmann::json;

std::string as_json(const json& value) {
  std::string text;
  append_canonical(value, text);
  return text;
}

void append_quoted(std::string_view text, std::string& to) {
  to += '"';
  for (const char c : text) {
    if (c == '"') to += '"';
    to += c;
  }
  to += '"';
}

void append_text(std::string_view text, std::string& to) {
  const bool plain = !text.empty() && text.find_first_of("\",\r\n") == std::string_view::npos &&
                     text.front() != ' ' && text.back() != ' ';
  if (plain) {
    to += text;
  } else {
    append_quoted(text, to);
  }
}

std::string cell(const json& value) {
  std::string text;
  if (value.is_string()) {
    append_text(value.get_ref<const std::string&>(), text);
  } else if (value.is_structured()) {
    append_quoted(as_json(value), text);
  } else if (!value.is_null()) {
    text = as_json(value);
  }
  return text;
}

// Calls `use` with each leaf and the name of its column.
template <class Use>
void for_each_leaf(const json& object, const std::string& prefix, const Use& use) {
  for (const auto& [name, value] : object.items()) {
    if (value.is_object() && !value.empty()) {
      for_each_leaf(value, prefix + name + ".", use);
    } else {
      use(prefix + name, value);
    }
  }
}

// Of the declared members of an object that a schema describes.
void add_declared(const json& schema, const std::string& prefix, std::set<std::string>& to) {
  const auto members = schema.value("properties", json::object());
  for (const auto& [name, member] : members.items()) {
    const bool flattened = member.is_object() && member.contains("properties");
    if (flattened) {
      add_declared(member, prefix + name + ".", to);
    } else if (!member.is_object() || member.value("type", json()) != "object") {
      to.insert(prefix + name);
    }
  }
}

}  // namespace

CsvWriter::CsvWriter(std::vector<std::string> columns) {
  for (const auto& name : columns) add_column(name);
}

void CsvWriter::add_column(const std::string& name) {
  if (numbers_.emplace(name, columns_.size()).second) columns_.push_back(name);
}

std::string CsvWriter::header(std::span<const std::string> rows, bool more) {
  std::set<std::string> found;
  for (const auto& row : rows) {
    std::set<std::string> of_row;
    for_each_leaf(json::parse(row), {}, [&](const auto& name, const auto&) {
      more = !of_row.insert(name).second || more;  // "a.b" and the member b of a
    });
    found.merge(of_row);
  }
  for (const auto& name : found) add_column(name);
  if (more) add_column(kMoreColumn);
  has_more_ = more;
  cells_.resize(columns_.size());
  std::string line;
  for (const auto& name : columns_) {
    if (!line.empty()) line += ',';
    append_text(name, line);
  }
  return line += "\r\n";
}

void CsvWriter::append_row(const std::string& row, std::string& to) {
  for (auto& text : cells_) text.clear();
  auto more = json::object();
  for_each_leaf(json::parse(row), {}, [&](const std::string& name, const json& value) {
    const auto column = numbers_.find(name);
    if (column != numbers_.end() && cells_[column->second].empty()) {
      cells_[column->second] = cell(value);
    } else if (has_more_) {
      more[name] = value;
    }
  });
  if (!more.empty()) cells_.back() = cell(more);
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (i > 0) to += ',';
    to += cells_[i];
  }
  to += "\r\n";
}

std::vector<std::string> csv_columns(const Schema& schema) {
  std::vector<std::string> columns;
  const auto add = [&columns](const std::string& name) {
    if (!name.empty() && std::ranges::find(columns, name) == columns.end()) columns.push_back(name);
  };
  add(schema.series());
  add(schema.time());
  for (const auto& name : schema.key()) add(name);
  std::set<std::string> declared;
  add_declared(json::parse(schema.text()), {}, declared);
  for (const auto& name : declared) add(name);
  return columns;
}

}  // namespace tributary::collector
