#include "collector/ingest/replay_request.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tributary::collector {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownMax = 64;

Json json_of(const ReplayReport::Counts& counts) {
  return {{"replayed", counts.replayed},
          {"skipped", counts.skipped},
          {"invalid", counts.invalid},
          {"truncated", counts.truncated}};
}

}  // namespace

bool is_dead_letter_reason(std::string_view text) {
  return std::ranges::find(kDeadLetterReasons, text) != kDeadLetterReasons.end();
}

std::string unknown_reason(std::string_view text) {
  std::string known;
  for (const auto reason : kDeadLetterReasons) {
    known.append(known.empty() ? "" : ", ").append(reason);
  }
  return "there is no reason \"" + std::string(text.substr(0, kShownMax)) + "\": there are " +
         known;
}

bool ReplayRequest::takes(std::string_view reason) const {
  if (reasons.empty()) return !offsets.empty() || reason != "conflict";
  return std::ranges::find(reasons, reason) != reasons.end();
}

void ReplayReport::add(Mistake mistake) {
  ++reasons[mistake.reason].invalid;
  if (mistakes.size() < kMistakesMax) mistakes.push_back(std::move(mistake));
}

ReplayReport::Counts ReplayReport::total() const {
  Counts sum;
  for (const auto& [reason, counts] : reasons) {
    sum.replayed += counts.replayed;
    sum.skipped += counts.skipped;
    sum.invalid += counts.invalid;
    sum.truncated += counts.truncated;
  }
  return sum;
}

std::string ReplayReport::json() const {
  auto json = json_of(total());
  json["dry_run"] = dry_run;
  json["reasons"] = Json::object();
  for (const auto& [reason, counts] : reasons) json["reasons"][reason] = json_of(counts);
  json["errors"] = Json::array();
  for (const auto& mistake : mistakes) {
    json["errors"].push_back(
        {{"offset", mistake.offset}, {"reason", mistake.reason}, {"detail", mistake.detail}});
  }
  if (!not_found.empty()) json["not_found"] = not_found;
  if (!broken_off.empty()) json["broken_off"] = broken_off;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tributary::collector
