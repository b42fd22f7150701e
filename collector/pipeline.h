#pragma once

#include <memory>
#include <string>

#include "collector/config.h"
#include "collector/store/store.h"
#include "collector/stream/stream.h"

namespace tributary::collector {

class LiveChannel;

// The way of one kind of event through the collector: its parts, opened.
struct Pipeline {
  PipelineConfig config;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Store> store;
  LiveChannel* live = nullptr;  // where ingest shows what it accepts; none: nowhere
};

// Dead letters of no pipeline go to `tributary.dead`: the stream of this topic carries nothing
// else.
inline constexpr const char* kUnroutedTopic = "tributary";
inline constexpr const char* kUnroutedGroup = "none";

}  // namespace tributary::collector
