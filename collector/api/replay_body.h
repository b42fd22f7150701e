#pragma once

#include <expected>
#include <string>

#include "collector/ingest/replay_request.h"
#include "shared/http/server.h"

namespace tributary::collector {

// The reasons of the parameters `reason`; or what is wrong with one.
std::expected<std::vector<std::string>, std::string> read_reasons(const HttpRequest& request);

// What POST /dead-letters/<pipeline>/replay asks for: a JSON object {"reason": [...], "dry_run":
// true, "offsets": [...]}, all optional, or no body; and parameters reason, offset (both
// repeatable) and dry_run, which add to it. Else what is wrong with it.
std::expected<ReplayRequest, std::string> read_replay_request(const HttpRequest& request);

// The body that asks for it.
std::string replay_body(const ReplayRequest& request);

}  // namespace tributary::collector
