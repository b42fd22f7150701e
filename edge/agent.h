#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "edge/buffer.h"
#include "edge/committer.h"
#include "edge/config.h"
#include "edge/publish/forwarder.h"
#include "edge/publish/mqtt_publisher.h"
#include "edge/publish/outbox.h"
#include "edge/sampler.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/base/thread.h"
#include "shared/http/server.h"
#include "shared/io/file_system.h"
#include "shared/observe/health.h"
#include "shared/observe/metrics.h"

namespace tributary::edge {

// The edge agent: samples sensors into one buffer for each pipeline, and delivers the buffers.
// Three threads of its own (sampler, committer, publisher) and those of its HTTP server. Its owner
// calls it from one thread.
class Agent {
 public:
  // Opens everything and starts. A broker that isn't there is no failure: the buffers wait for it.
  // `files` and `clock` outlive the agent.
  static Result<std::unique_ptr<Agent>> start(Config config, FileSystem& files, const Clock& clock);
  ~Agent();  // stop()
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Recordings were read to their ends, and everything is delivered.
  [[nodiscard]] bool done() const;
  // Stops sampling, commits, and delivers for up to `drain` when the collector answers. What is
  // left stays in the buffers. Idempotent.
  void stop(std::chrono::milliseconds drain);

  // Records that are still in the buffers.
  [[nodiscard]] std::uint64_t records() const;
  [[nodiscard]] std::vector<std::string> addresses() const { return http_->addresses(); }
  [[nodiscard]] const Health& health() const { return health_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Buffer>>& buffers() const { return buffers_; }

 private:
  Agent(Config config, FileSystem& files, const Clock& clock);

  Result<void> open_buffers();
  Result<void> open_leftover(const std::string& pipeline, std::size_t count);
  Result<void> open_publisher();
  Result<void> open_sensors();
  Result<void> serve();
  void observe();
  void observe_pipeline(Buffer& buffer, const Outbox& outbox);
  void observe_sensors();
  void observe_publisher();
  void observe_threads();
  void start_threads();
  // What tributary/<edge>/status says while online: all buffers together. `sampled`, `published`
  // and `damaged` count from the start on, `dropped` as BufferReport has it. Reads a record of
  // each.
  [[nodiscard]] std::string status_json() const;

  const Config config_;
  FileSystem& files_;
  const Clock& clock_;
  const std::chrono::nanoseconds started_;
  Health health_;
  Metrics metrics_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<std::unique_ptr<Outbox>> outboxes_;  // one for each buffer, in the same order
  std::unique_ptr<MqttPublisher> publisher_;
  std::unique_ptr<Forwarder> forwarder_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<HttpServer> http_;
  std::chrono::milliseconds drain_{0};
  bool stopped_ = false;
  Thread forwarding_;
  Thread committing_;
  Thread sampling_;
};

// The directories of pipelines' logs below `path`, by name; none when there is no such directory.
std::vector<std::string> buffered_pipelines(FileSystem& files, const std::filesystem::path& path);

}  // namespace tributary::edge
