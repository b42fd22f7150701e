#pragma once

#include <vector>

#include "shared/mqtt/client.h"

namespace tributary::fuzz {

// In a program that has scripted_mqtt_client.cpp, the MqttClient of shared/mqtt has no broker: this
// call gives its owner one round, and waits until it is acknowledged. What the owner published
// meanwhile. CHECKs that the acknowledgement comes. One client at a time, one thread.
std::vector<MqttPublication> deliver(std::vector<MqttMessage> messages);

}  // namespace tributary::fuzz
