#include "collector/api/parameters.h"

#include <algorithm>
#include <charconv>

namespace tributary::collector {
namespace {

std::string shown(std::string_view value) {
  constexpr std::size_t kShownMax = 64;
  if (value.size() <= kShownMax) return std::string(value);
  return std::string(value.substr(0, kShownMax)) + "…";
}

}  // namespace

std::string with_plus(std::string_view time) {
  constexpr std::size_t kOffsetSize = 6;  // +01:00
  constexpr std::size_t kTimeSizeMin = 19;
  std::string text(time);
  if (text.size() < kTimeSizeMin + kOffsetSize) return text;
  if (auto& sign = text[text.size() - kOffsetSize]; sign == ' ') sign = '+';
  return text;
}

Parameters::Parameters(const HttpRequest& request, const Schema& schema,
                       std::span<const std::string_view> names)
    : request_(request) {
  for (const auto& [name, value] : request.query) sort_in(name, value, schema, names);
}

void Parameters::sort_in(const std::string& name, const std::string& value, const Schema& schema,
                         std::span<const std::string_view> names) {
  std::string_view field = name;
  if (std::ranges::find(names, field) != names.end()) {
    if (!values_.emplace(field, value).second) note(name + " is there twice: give it once");
    return;
  }
  if (field.starts_with(kFieldPrefix)) field.remove_prefix(kFieldPrefix.size());
  if (field.empty()) return note("\"" + name + "\" names no field: write where.<field>=<value>");
  if (std::ranges::find(filters_, field, &Filter::field) != filters_.end()) {
    return note(name + " is there twice: a field can have one value");
  }
  const auto* declared = schema.field(field);
  const bool is_time = declared != nullptr && declared->type == SchemaField::Type::time;
  filters_.push_back({.field = std::string(field), .value = is_time ? with_plus(value) : value});
}

std::optional<std::string_view> Parameters::value(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

void Parameters::note(std::string_view mistake) {
  if (!mistakes_.empty()) mistakes_ += "; ";
  mistakes_ += mistake;
}

void Parameters::refuse(std::string_view name, std::string_view why) {
  note(std::string(name) + "=" + shown(value(name).value_or("")) + ": " + std::string(why));
}

void Parameters::refuse_filters() {
  for (const auto& filter : filters_) note(shown(filter.field) + " is no parameter of this call");
}

std::optional<Format> Parameters::format() {
  if (const auto name = value("format")) {
    const auto format = parse_format(*name);
    if (!format) refuse("format", "is neither json, ndjson nor csv");
    return format.value_or(Format::json);
  }
  return format_for(request_.header("Accept").value_or(""));
}

std::optional<std::uint64_t> Parameters::limit(Format format, std::uint64_t absent) {
  const bool json = format == Format::json;
  const auto text = value("limit");
  if (!text) return json ? std::optional(absent) : std::nullopt;
  std::uint64_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  const bool whole = error == std::errc() && end == text->data() + text->size() && limit > 0;
  if (whole && (!json || limit <= kPageEventsMax)) return limit;
  if (json) {
    refuse("limit", "is not a whole number from 1 to " + std::to_string(kPageEventsMax) +
                        " (ndjson and csv have no upper limit)");
  } else {
    refuse("limit", "is not a whole number from 1");
  }
  return absent;
}

bool Parameters::descending() {
  const auto order = value("order").value_or("asc");
  if (order != "asc" && order != "desc") refuse("order", "is neither asc nor desc");
  return order == "desc";
}

std::optional<Timestamp> Parameters::time(std::string_view name) {
  const auto text = value(name);
  if (!text) return std::nullopt;
  const auto time = Timestamp::parse(with_plus(*text));
  if (time) return *time;
  refuse(name, time.error());
  return std::nullopt;
}

bool Parameters::flag(std::string_view name) {
  const auto text = value(name).value_or("false");
  if (text != "true" && text != "false") refuse(name, "is neither true nor false");
  return text == "true";
}

}  // namespace tributary::collector
