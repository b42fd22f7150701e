#pragma once

#include <memory>
#include <span>
#include <string>

#include "collector/ingest/topic_map.h"
#include "collector/pipeline.h"
#include "shared/base/clock.h"
#include "shared/http/server.h"

namespace tributary::collector {

// GET /dead-letters[/<pipeline>] and POST /dead-letters/<pipeline>/replay (DESIGN 7). Those of no
// pipeline have the pipeline name `tributary`.
//
// A replay has a thread of its own, and there is one at a time: another one is answered 409. The
// answer to a long one begins with empty lines, which tell whether the client is still there: when
// it has gone the replay is broken off.
class DeadLetterApi {
 public:
  // Registers the routes. All must outlive the server, and this too.
  DeadLetterApi(HttpServer& server, std::span<Pipeline* const> pipelines, Stream& unrouted,
                const TopicMap& topics, const Clock& clock);
  ~DeadLetterApi();  // stop()
  DeadLetterApi(const DeadLetterApi&) = delete;
  DeadLetterApi& operator=(const DeadLetterApi&) = delete;

  // Breaks off a replay, and lets no other one begin. Before the server stops.
  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

// One line of JSON for one dead letter.
std::string dead_letter_json(const DeadLetter& letter);

}  // namespace tributary::collector
