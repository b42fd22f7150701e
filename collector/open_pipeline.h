#pragma once

#include <memory>

#include "collector/config.h"
#include "collector/pipeline.h"
#include "shared/base/clock.h"
#include "shared/io/file_system.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// What the parts of a collector share, all of which outlive them.
struct Surroundings {
  FileSystem& files;
  const Clock& clock;
  Metrics& metrics;
};

// The stream that the pipeline's configuration names.
Result<std::unique_ptr<Stream>> open_stream(const Config& config, const PipelineConfig& pipeline,
                                            const Surroundings& surroundings);

// The store likewise.
Result<std::unique_ptr<Store>> open_store(const Config& config, const PipelineConfig& pipeline);

// The stream for dead letters of no pipeline: where the first pipeline has its own.
Result<std::unique_ptr<Stream>> open_unrouted_stream(const Config& config,
                                                     const Surroundings& surroundings);

}  // namespace tributary::collector
