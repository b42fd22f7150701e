#pragma once

#include <memory>
#include <string>

#include "collector/config.h"
#include "collector/store/store.h"
#include "collector/stream/stream.h"

namespace tributary::collector {

// The way of one kind of event through the collector: its parts, opened.
struct Pipeline {
  PipelineConfig config;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Store> store;
};

}  // namespace tributary::collector
