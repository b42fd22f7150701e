#pragma once

#include <memory>
#include <vector>

#include "shared/mqtt/client.h"

namespace tributary::fuzz {

// A broker without a network, of one client. Belongs to one thread; the client to another.
class ScriptedBroker {
 public:
  ScriptedBroker();
  ~ScriptedBroker();
  ScriptedBroker(const ScriptedBroker&) = delete;
  ScriptedBroker& operator=(const ScriptedBroker&) = delete;

  // Makes the client, once; the broker outlives it.
  MqttClientFactory client();
  // Gives the client's owner one round, and waits until it is acknowledged. What the owner
  // published meanwhile. CHECKs that the acknowledgement comes.
  std::vector<MqttPublication> deliver(std::vector<MqttMessage> messages);

 private:
  class Client;
  struct Script;
  const std::unique_ptr<Script> script_;
};

}  // namespace tributary::fuzz
