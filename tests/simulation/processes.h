#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collector/ingest/mqtt_ingest.h"
#include "collector/persister.h"
#include "collector/pipeline.h"
#include "edge/buffer.h"
#include "edge/committer.h"
#include "edge/publish/forwarder.h"
#include "edge/publish/mqtt_publisher.h"
#include "edge/publish/outbox.h"
#include "edge/sampler.h"
#include "shared/base/thread.h"
#include "shared/observe/metrics.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/simulated_broker.h"
#include "tests/simulation/simulated_disk.h"
#include "tests/simulation/simulated_store.h"

namespace tributary::simulation {

// What all processes of a run share.
struct Surroundings {
  BatonScheduler& scheduler;
  const Clock& clock;
  SimulatedBroker& broker;
  Oracle& oracle;
};

// The agent's real parts, put together as edge/agent.cpp does, with a sensor whose events the
// oracle numbers. Started and ended by the simulation's first thread.
class EdgeProcess {
 public:
  struct Options {
    std::string id;
    std::uint64_t events = 0;  // that its sensor gives, over all starts
    bool receipts = true;
    edge::BufferOptions buffer;
    Scheduler::Time interval{};
    std::chrono::milliseconds sync{100};
  };

  static Result<std::unique_ptr<EdgeProcess>> start(Surroundings surroundings, SimulatedDisk& disk,
                                                    const Options& options);
  ~EdgeProcess();
  EdgeProcess(const EdgeProcess&) = delete;
  EdgeProcess& operator=(const EdgeProcess&) = delete;

  // From here on nothing that it does leaves it. The disk is the caller's affair.
  void kill();
  // Everything that its sensor had to give is delivered.
  [[nodiscard]] bool done() const;
  // Accepted events that its full buffer gave up, ever.
  [[nodiscard]] std::uint64_t dropped() const;
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::string notes() const { return {}; }

 private:
  EdgeProcess(Surroundings surroundings, Options options);
  Result<void> open(SimulatedDisk& disk);
  void committed();

  const Surroundings surroundings_;
  const Options options_;
  const std::shared_ptr<Machine> machine_ = std::make_shared<Machine>();
  Sequence accepted_;  // told to the oracle
  std::unique_ptr<edge::Buffer> buffer_;
  std::unique_ptr<edge::Outbox> outbox_;
  std::unique_ptr<edge::MqttPublisher> publisher_;
  std::unique_ptr<edge::Forwarder> forwarder_;
  std::unique_ptr<edge::Committer> committer_;
  std::unique_ptr<edge::Sampler> sampler_;
  Thread forwarding_;
  Thread committing_;
  Thread sampling_;
};

// The collector's real parts: MQTT ingest, embedded stream, persister; one pipeline.
class CollectorProcess {
 public:
  static Result<std::unique_ptr<CollectorProcess>> start(Surroundings surroundings,
                                                         SimulatedDisk& disk, Database& database,
                                                         std::uint64_t stream_size);
  ~CollectorProcess();
  CollectorProcess(const CollectorProcess&) = delete;
  CollectorProcess& operator=(const CollectorProcess&) = delete;

  void kill();
  [[nodiscard]] collector::Stream& stream() const { return *pipeline_.stream; }
  // What opening its stream found, for the operator.
  [[nodiscard]] std::string notes() const { return " " + stream().health().detail; }

 private:
  explicit CollectorProcess(Surroundings surroundings);

  const Surroundings surroundings_;
  const std::shared_ptr<Machine> machine_ = std::make_shared<Machine>();
  Metrics metrics_;
  collector::Pipeline pipeline_;
  collector::Pipeline* pipelines_[1] = {&pipeline_};
  std::unique_ptr<collector::Stream> unrouted_;
  std::unique_ptr<collector::MqttIngest> ingest_;
  std::unique_ptr<collector::Persister> persister_;
};

// A device that is nobody's software of ours: publishes batches of lines (some of them invalid)
// again and again, each until its receipt comes, or, without receipts, its PUBACK.
class Device {
 public:
  Device(Surroundings surroundings, std::string id, std::uint64_t events, bool receipts);

  [[nodiscard]] bool done() const { return done_; }
  void stop() { thread_ = {}; }

 private:
  void run(const std::stop_token& stop);
  bool deliver(const std::vector<Oracle::Line>& lines, const std::stop_token& stop);
  bool attempt(const MqttPublication& publication, const std::vector<Oracle::Line>& lines,
               const std::stop_token& stop);

  const Surroundings surroundings_;
  const std::string id_;
  const std::uint64_t events_;
  const bool receipts_;
  std::unique_ptr<MqttClient> client_;
  std::uint64_t attempts_ = 0;
  bool done_ = false;
  Thread thread_;
};

}  // namespace tributary::simulation
