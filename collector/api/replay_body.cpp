#include "collector/api/replay_body.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace tributary::collector {
namespace {

using nlohmann::json;

constexpr std::size_t kOffsetsMax = 10'000;

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Each gives what is wrong; nothing when all is well.
using Mistake = std::optional<std::string>;

Mistake add_reason(std::string_view reason, std::vector<std::string>& to) {
  if (!is_dead_letter_reason(reason)) return unknown_reason(reason);
  to.emplace_back(reason);
  return std::nullopt;
}

Mistake read_reason(const json& value, ReplayRequest& to) {
  const auto all = value.is_array() ? value : json::array({value});
  for (const auto& reason : all) {
    if (!reason.is_string()) return "reason is not a list of texts";
    if (auto mistake = add_reason(reason.get<std::string>(), to.reasons)) return mistake;
  }
  return std::nullopt;
}

Mistake read_offsets(const json& value, ReplayRequest& to) {
  if (!value.is_array() || value.empty()) return "offsets is not a list of offsets";
  for (const auto& offset : value) {
    if (!offset.is_number_unsigned()) return offset.dump() + " in offsets is not an offset";
    to.offsets.push_back(offset.get<std::uint64_t>());
  }
  return std::nullopt;
}

Mistake read_body(const std::string& body, ReplayRequest& to) {
  if (body.find_first_not_of(" \t\r\n") == std::string::npos) return std::nullopt;
  const auto document = json::parse(body, nullptr, false);
  if (!document.is_object()) return "the body is not a JSON object";
  for (const auto& [name, value] : document.items()) {
    Mistake mistake;
    if (name == "reason") {
      mistake = read_reason(value, to);
    } else if (name == "offsets") {
      mistake = read_offsets(value, to);
    } else if (name == "dry_run") {
      if (!value.is_boolean()) mistake = "dry_run is neither true nor false";
      to.dry_run = value == true;
    } else {
      mistake = "there is no member " + json(name).dump() + ": there are reason, offsets, dry_run";
    }
    if (mistake) return mistake;
  }
  return std::nullopt;
}

Mistake read_parameters(const HttpRequest& request, ReplayRequest& to) {
  for (const auto& [name, value] : request.query) {
    Mistake mistake;
    if (name == "reason") {
      mistake = add_reason(value, to.reasons);
    } else if (name == "offset") {
      const auto offset = parse_number(value);
      if (!offset) return "the parameter offset is not an offset";
      to.offsets.push_back(*offset);
    } else if (name == "dry_run") {
      if (value != "true" && value != "false") mistake = "dry_run is neither true nor false";
      to.dry_run = value == "true";
    } else {
      mistake = "there is no such parameter: there are reason, offset, dry_run";
    }
    if (mistake) return mistake;
  }
  return std::nullopt;
}

}  // namespace

std::expected<ListRequest, std::string> read_list_request(const HttpRequest& request) {
  ListRequest read;
  std::set<std::string_view> seen;
  for (const auto& [name, value] : request.query) {
    if (name == "reason") {
      if (auto mistake = add_reason(value, read.reasons)) return std::unexpected(*mistake);
      continue;
    }
    if (!seen.insert(name).second) return std::unexpected("the parameter " + name + " comes twice");
    const auto number = parse_number(value);
    if (name == "limit") {
      if (!number || *number < 1 || *number > ListRequest::kMost) {
        return std::unexpected("the parameter limit is 1 to " + std::to_string(ListRequest::kMost));
      }
      read.limit = *number;
    } else if (name == "cursor") {
      if (!number)
        return std::unexpected("the parameter cursor is not one that an answer gave as next");
      read.after = *number;
    } else {
      return std::unexpected("there is no such parameter: there are reason, limit, cursor");
    }
  }
  return read;
}

std::expected<ReplayRequest, std::string> read_replay_request(const HttpRequest& request) {
  ReplayRequest read;
  if (auto mistake = read_body(request.body, read)) return std::unexpected(std::move(*mistake));
  if (auto mistake = read_parameters(request, read)) return std::unexpected(std::move(*mistake));
  if (read.offsets.size() > kOffsetsMax) {
    return std::unexpected("more than " + std::to_string(kOffsetsMax) + " offsets at once");
  }
  return read;
}

std::string replay_body(const ReplayRequest& request) {
  json body{{"dry_run", request.dry_run}};
  if (!request.reasons.empty()) body["reason"] = request.reasons;
  if (!request.offsets.empty()) body["offsets"] = request.offsets;
  return body.dump();
}

}  // namespace tributary::collector
