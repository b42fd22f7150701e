#pragma once

#include <expected>
#include <string>

#include "collector/ingest/replay_request.h"
#include "shared/http/server.h"

namespace tributary::collector {

// What GET /dead-letters asks for.
struct ListRequest {
  static constexpr std::uint64_t kMost = 1'000;

  std::vector<std::string> reasons{};  // empty: all
  std::uint64_t limit = 100;           // 1 to kMost
  std::uint64_t after = 0;             // the sequence of a letter: go on behind it
};

// Parameters reason (repeatable), limit and cursor. Else what is wrong with them.
std::expected<ListRequest, std::string> read_list_request(const HttpRequest& request);

// What POST /dead-letters/<pipeline>/replay asks for: a JSON object {"reason": [...], "dry_run":
// true, "offsets": [...]}, all optional, or no body; and parameters reason, offset (both
// repeatable) and dry_run, which add to it. Else what is wrong with it.
std::expected<ReplayRequest, std::string> read_replay_request(const HttpRequest& request);

// The body that asks for it.
std::string replay_body(const ReplayRequest& request);

}  // namespace tributary::collector
