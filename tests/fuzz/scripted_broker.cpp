#include "tests/fuzz/scripted_broker.h"

#include <optional>
#include <utility>

#include "shared/base/check.h"
#include "shared/base/mutex.h"

namespace tributary::fuzz {
namespace {

constexpr std::chrono::seconds kAcknowledgeWait{20};
constexpr std::uint64_t kGeneration = 1;

}  // namespace

struct ScriptedBroker::Script {
  Mutex mutex;
  Condition changed;
  std::optional<std::vector<MqttMessage>> to_deliver TRIBUTARY_GUARDED_BY(mutex);
  std::vector<MqttPublication> published TRIBUTARY_GUARDED_BY(mutex);
  bool acknowledged TRIBUTARY_GUARDED_BY(mutex) = false;
  bool woken TRIBUTARY_GUARDED_BY(mutex) = false;
};

class ScriptedBroker::Client final : public MqttClient {
 public:
  explicit Client(Script& script) : script_(script) {
    state_.connected = state_.subscribed = true;
    state_.generation = kGeneration;
  }

  MqttRound poll(std::chrono::milliseconds wait, std::size_t /*messages*/,
                 std::size_t /*bytes*/) override {
    MutexLock lock(script_.mutex);
    script_.changed.wait_for(lock, wait, [this]() TRIBUTARY_REQUIRES(script_.mutex) {
      return script_.woken || script_.to_deliver;
    });
    script_.woken = false;
    MqttRound round;
    round.generation = kGeneration;
    if (script_.to_deliver) round.messages = std::move(*script_.to_deliver);
    script_.to_deliver.reset();
    return round;
  }

  Result<void> acknowledge(std::uint64_t generation) override {
    CHECK(generation == kGeneration);
    const MutexLock lock(script_.mutex);
    script_.acknowledged = true;
    script_.changed.notify_all();
    return {};
  }

  Result<int> publish(const MqttPublication& publication) override {
    const MutexLock lock(script_.mutex);
    script_.published.push_back(publication);
    return 0;
  }

  void wake() override {
    const MutexLock lock(script_.mutex);
    script_.woken = true;
    script_.changed.notify_all();
  }

  bool hold() override { return true; }
  void unsubscribe() override {}
  void disconnect(bool /*unsubscribe*/) override {}
  [[nodiscard]] const MqttState& state() const override { return state_; }

 private:
  Script& script_;
  MqttState state_;
};

ScriptedBroker::ScriptedBroker() : script_(std::make_unique<Script>()) {}
ScriptedBroker::~ScriptedBroker() = default;

MqttClientFactory ScriptedBroker::client() {
  return [this](const MqttOptions&) -> Result<std::unique_ptr<MqttClient>> {
    return std::make_unique<Client>(*script_);
  };
}

std::vector<MqttPublication> ScriptedBroker::deliver(std::vector<MqttMessage> messages) {
  auto& script = *script_;
  MutexLock lock(script.mutex);
  script.acknowledged = false;
  script.published.clear();
  script.to_deliver = std::move(messages);
  script.changed.notify_all();
  CHECK(script.changed.wait_for(lock, kAcknowledgeWait, [&]() TRIBUTARY_REQUIRES(script.mutex) {
    return script.acknowledged;
  }));
  return std::move(script.published);
}

}  // namespace tributary::fuzz
