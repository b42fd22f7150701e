#include "collector/open_pipeline.h"

#include "collector/store/mongodb_store.h"
#include "collector/store/postgresql_store.h"
#include "collector/store/sqlite_store.h"
#include "collector/stream/embedded_stream.h"
#include "collector/stream/kafka_stream.h"

namespace tributary::collector {
namespace {

Result<std::unique_ptr<Stream>> open_kafka(const PipelineConfig& pipeline,
                                           KafkaStreamOptions options,
                                           const Surroundings& surroundings) {
  options.cluster = pipeline.kafka;
  return open_kafka_stream(std::move(options), surroundings.clock, surroundings.metrics);
}

}  // namespace

Result<std::unique_ptr<Stream>> open_stream(const Config& config, const PipelineConfig& pipeline,
                                            const Surroundings& surroundings) {
  if (pipeline.is_embedded()) {
    return open_embedded_stream(surroundings.files,
                                {.directory = config.data / "stream",
                                 .topic = pipeline.topic,
                                 .group = pipeline.group,
                                 .size_max = config.embedded.size_max,
                                 .dead_letters_size_max = config.embedded.dead_letters_size_max});
  }
  return open_kafka(
      pipeline,
      {.cluster = {}, .pipeline = pipeline.name, .topic = pipeline.topic, .group = pipeline.group},
      surroundings);
}

Result<std::unique_ptr<Store>> open_store(const Config& config, const PipelineConfig& pipeline) {
  if (pipeline.is_sqlite()) {
    return open_sqlite_store({.file = sqlite_file(config, pipeline), .table = pipeline.table},
                             pipeline.schema);
  }
  if (pipeline.is_postgresql()) {
    return open_postgresql_store({.uri = pipeline.store,
                                  .user = pipeline.store_login.user,
                                  .password = pipeline.store_login.password,
                                  .table = pipeline.table},
                                 pipeline.schema);
  }
  return open_mongodb_store({.uri = pipeline.store,
                             .user = pipeline.store_login.user,
                             .password = pipeline.store_login.password,
                             .collection = pipeline.table},
                            pipeline.schema);
}

Result<std::unique_ptr<Stream>> open_unrouted_stream(const Config& config,
                                                     const Surroundings& surroundings) {
  const auto& first = config.pipelines.front();
  if (first.is_embedded()) {
    return open_embedded_stream(surroundings.files,
                                {.directory = config.data / "stream",
                                 .topic = kUnroutedTopic,
                                 .group = kUnroutedGroup,
                                 .dead_letters_size_max = config.embedded.dead_letters_size_max});
  }
  return open_kafka(first,
                    {.cluster = {},
                     .pipeline = kUnroutedTopic,
                     .topic = kUnroutedTopic,
                     .group = kUnroutedGroup,
                     .dead_letters_only = true},
                    surroundings);
}

}  // namespace tributary::collector
