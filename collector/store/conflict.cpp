#include "collector/store/conflict.h"

#include <nlohmann/json.hpp>

#include "shared/event/json.h"

namespace tributary::collector {

std::string readable_key(const nlohmann::json& event, const std::vector<std::string>& names) {
  auto key = nlohmann::json::object();
  for (const auto& name : names) {
    if (const auto member = event.find(name); member != event.end()) key[name] = *member;
  }
  std::string text;
  append_canonical(key, text);
  return text;
}

Outcome conflict_with(const Event& event, const Schema& schema, std::string_view received_at) {
  Outcome outcome{.verdict = Outcome::Verdict::conflict, .detail = "the store has "};
  outcome.detail += readable_key(*event.document, schema.key()) + " with other content";
  if (!received_at.empty()) outcome.detail.append(", received at ").append(received_at);
  return outcome;
}

}  // namespace tributary::collector
