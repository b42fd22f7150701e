#pragma once

// For the files of shared/mqtt only.

#include <mosquitto.h>

#include <memory>

#include "shared/mqtt/client.h"

namespace tributary {

struct PropertyListDeleter {
  void operator()(mosquitto_property* list) const { mosquitto_property_free_all(&list); }
};
// A list of MQTT 5 properties in libmosquitto's form; null is the empty list.
using PropertyList = std::unique_ptr<mosquitto_property, PropertyListDeleter>;

// errc::invalid_argument for what MQTT can't carry: text that isn't UTF-8 or holds a NUL, and
// values over 65,535 bytes.
Result<PropertyList> to_property_list(const MqttProperties& properties);
// Adds what the client asks for in its CONNECT beside what libmosquitto's options cover.
Result<PropertyList> connect_properties(const MqttOptions& options);

MqttProperties from_property_list(const mosquitto_property* list);

// Bytes of the properties on the wire, without their length.
std::size_t wire_size(const MqttProperties& properties);
// Bytes of a PUBLISH packet on the wire (MQTT 5, 3.3), so that one too large for the broker is
// refused before libmosquitto queues it.
std::size_t wire_size(const MqttPublication& publication, int protocol);

}  // namespace tributary
