// Stands in for client.cpp of shared/mqtt.

#include "tests/fuzz/scripted_mqtt_client.h"

#include <condition_variable>
#include <mutex>

#include "shared/base/check.h"

namespace tributary {
namespace {

constexpr std::chrono::seconds kAcknowledgeWait{20};
constexpr std::uint64_t kGeneration = 1;

// The broker.
std::mutex mutex;
std::condition_variable changed;
std::optional<std::vector<MqttMessage>> to_deliver;
std::vector<MqttPublication> published;
bool acknowledged = false;
bool woken = false;

}  // namespace

class MqttClient::Impl {
 public:
  Impl() { state.connected = state.subscribed = true; }
  MqttState state;
};

MqttClient::MqttClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MqttClient::~MqttClient() = default;

Result<std::unique_ptr<MqttClient>> MqttClient::create(MqttOptions) {
  return std::unique_ptr<MqttClient>(new MqttClient(std::make_unique<Impl>()));
}

MqttRound MqttClient::poll(std::chrono::milliseconds wait, std::size_t, std::size_t) {
  std::unique_lock lock(mutex);
  changed.wait_for(lock, wait, [] { return woken || to_deliver; });
  woken = false;
  MqttRound round;
  round.generation = kGeneration;
  if (to_deliver) round.messages = std::move(*to_deliver);
  to_deliver.reset();
  return round;
}

Result<void> MqttClient::acknowledge(std::uint64_t generation) {
  CHECK(generation == kGeneration);
  const std::lock_guard lock(mutex);
  acknowledged = true;
  changed.notify_all();
  return {};
}

Result<int> MqttClient::publish(const MqttPublication& publication) {
  const std::lock_guard lock(mutex);
  published.push_back(publication);
  return 0;
}

void MqttClient::wake() {
  const std::lock_guard lock(mutex);
  woken = true;
  changed.notify_all();
}

bool MqttClient::hold() { return true; }
void MqttClient::unsubscribe() {}
void MqttClient::disconnect(bool) {}
const MqttState& MqttClient::state() const { return impl_->state; }

std::vector<MqttPublication> fuzz::deliver(std::vector<MqttMessage> messages) {
  std::unique_lock lock(mutex);
  acknowledged = false;
  published.clear();
  to_deliver = std::move(messages);
  changed.notify_all();
  CHECK(changed.wait_for(lock, kAcknowledgeWait, [] { return acknowledged; }));
  return std::move(published);
}

}  // namespace tributary
