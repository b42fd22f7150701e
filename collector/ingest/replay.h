#pragma once

#include <functional>
#include <string>

#include "collector/ingest/replay_request.h"
#include "collector/ingest/topic_map.h"
#include "collector/pipeline.h"
#include "shared/base/clock.h"

namespace tributary::collector {

// Where the letters of a stream are replayed to. A null pointer: there is no such pipeline.
using ReplayRoute = std::function<Result<Pipeline*>(const std::string& pipeline)>;

// Replays dead letters: each goes through Intake, as every event does, into a stream, and is marked
// once it is durable there. One that was appended and not marked, because the program ended between
// the two, is replayed again the next time: the store calls it a duplicate.
//
// Takes the letters that are there when it begins, page by page, whatever else the streams do
// meanwhile. One thread.
class Replay {
 public:
  // The letters of a pipeline's stream go back into it. A letter of a topic that `topics` maps gets
  // what the topic says of it, as it does at ingest. `topics` outlives this.
  Replay(Pipeline& pipeline, const TopicMap& topics, const Clock& clock);
  // Those of no pipeline go to the one that their MQTT topic names, or is mapped to.
  Replay(Stream& unrouted, ReplayRoute route, const TopicMap& topics, const Clock& clock);

  // `go_on` is called several times a second: false breaks the replay off, within some seconds. The
  // report says what was done, also when something failed on the way; an error: nothing was.
  Result<ReplayReport> run(const ReplayRequest& request, const std::function<bool()>& go_on);

 private:
  Stream& letters_;
  Pipeline* const pipeline_;  // null: by `route_`
  const ReplayRoute route_;
  const TopicMap& topics_;
  const Clock& clock_;
};

}  // namespace tributary::collector
