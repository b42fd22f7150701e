#include "collector/ingest/live_channel.h"

#include <utility>

namespace tributary::collector {

void LiveChannel::put(std::span<const std::string_view> records) {
  LiveBatch batch{.pipeline = pipeline_};
  std::size_t bytes = 0;
  for (const auto record : records) {
    batch.records.emplace_back(record);
    bytes += record.size();
  }
  if (!queue_.try_push(std::move(batch), bytes)) missed_ += records.size();
}

}  // namespace tributary::collector
