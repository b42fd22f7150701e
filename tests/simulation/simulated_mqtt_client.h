#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "shared/base/backoff.h"
#include "shared/mqtt/client.h"
#include "tests/simulation/simulated_broker.h"

namespace tributary::simulation {

// What MqttClient promises, towards a SimulatedBroker.
class SimulatedMqttClient final : public MqttClient {
 public:
  SimulatedMqttClient(SimulatedBroker& broker, std::shared_ptr<const Machine> machine,
                      MqttOptions options);
  ~SimulatedMqttClient() override;
  SimulatedMqttClient(const SimulatedMqttClient&) = delete;
  SimulatedMqttClient& operator=(const SimulatedMqttClient&) = delete;

  MqttRound poll(std::chrono::milliseconds wait, std::size_t messages, std::size_t bytes) override;
  bool hold() override { return state_.connected; }
  Result<void> acknowledge(std::uint64_t generation) override;
  Result<int> publish(const MqttPublication& publication) override;
  void unsubscribe() override {}
  void wake() override;
  void disconnect(bool unsubscribe) override;
  [[nodiscard]] const MqttState& state() const override { return state_; }

 private:
  friend class SimulatedBroker;
  using Step = std::function<void(MqttRound&)>;

  // What the broker's packets do when poll() comes to them.
  void arrive(Step step);
  void accepted(bool session_present, MqttRound& round);
  void message(const MqttMessage& message, int id, MqttRound& round);
  void lost(const std::string& why, MqttRound& round);
  void connect();
  void write();

  SimulatedBroker& broker_;
  const std::shared_ptr<const Machine> machine_;
  const MqttOptions options_;
  MqttState state_;
  std::shared_ptr<SimulatedBroker::Link> link_;  // null while there is none
  std::deque<Step> arrived_;
  std::deque<std::pair<MqttPublication, int>> unwritten_;
  std::vector<int> held_;  // ids of the last round's QoS 1 messages
  std::size_t in_flight_ = 0;
  int last_id_ = 0;
  bool woken_ = false;
  bool closed_ = false;
  Backoff backoff_;
  Scheduler::Time connect_at_{};
  Scheduler::Time connected_at_{};
};

}  // namespace tributary::simulation
