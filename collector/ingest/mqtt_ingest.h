#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "collector/config.h"
#include "collector/pipeline.h"
#include "shared/base/clock.h"
#include "shared/mqtt/client.h"
#include "shared/observe/health.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// Takes events from `tributary/<edge>/events/<pipeline>` and the topics of [[mqtt.subscription]]:
// one thread, which reads a batch of messages, makes every line of it durable (in the stream, or
// among the dead letters), and only then answers: the receipts that were asked for, and the
// PUBACKs. Until then the broker keeps its copy.
class MqttIngest {
 public:
  // `unrouted` takes what belongs to no pipeline. All must outlive this. Starts its thread; failing
  // to reach the broker is no failure.
  static Result<std::unique_ptr<MqttIngest>> start(
      const Config::Mqtt& config, std::span<Pipeline* const> pipelines, Stream& unrouted,
      const Clock& clock, Metrics& metrics,
      const MqttClientFactory& make_client = MqttClient::create);
  virtual ~MqttIngest() = default;  // stop()

  // What it subscribes to: the built-in filter first, each with the group of mqtt.share.
  static std::vector<std::string> filters(const Config::Mqtt& config);

  // Finishes the batch under way, unless the stream can't take it, and disconnects. What is not
  // acknowledged comes again to the next process of the same client id.
  virtual void stop() = 0;
  virtual HealthCheck health() const = 0;
};

}  // namespace tributary::collector
