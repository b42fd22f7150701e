#include "shared/mqtt/properties.h"

#include <mqtt_protocol.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace tributary {
namespace {

constexpr std::size_t kStringMax = 65'535;

struct Free {
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory,cppcoreguidelines-no-malloc): a C library's
  void operator()(void* memory) const { std::free(memory); }
};
using CString = std::unique_ptr<char, Free>;

Result<void> checked(int code, std::string_view what) {
  if (code == MOSQ_ERR_SUCCESS) return {};
  return fail(errc::invalid_argument,
              "MQTT property " + std::string(what) + ": " + mosquitto_strerror(code));
}

bool fits_string(std::string_view text) {
  return text.size() <= kStringMax && !text.contains('\0') &&
         mosquitto_validate_utf8(text.data(), static_cast<int>(text.size())) == MOSQ_ERR_SUCCESS;
}

std::unexpected<Error> not_a_string(std::string_view what) {
  return fail(errc::invalid_argument,
              "MQTT property " + std::string(what) + ": not UTF-8, or over 65,535 bytes");
}

// libmosquitto's lists grow through a pointer to their head, which may change.
template <class Add, class... Values>
int append(PropertyList& list, Add add, int identifier, Values... values) {
  mosquitto_property* head = list.release();
  const int code = add(&head, identifier, values...);
  list.reset(head);
  return code;
}

void read_response_topic(const mosquitto_property* property, MqttProperties& to) {
  char* text = nullptr;
  mosquitto_property_read_string(property, MQTT_PROP_RESPONSE_TOPIC, &text, false);
  if (const CString owned(text); owned) to.response_topic = owned.get();
}

void read_correlation_data(const mosquitto_property* property, MqttProperties& to) {
  void* data = nullptr;
  std::uint16_t size = 0;
  mosquitto_property_read_binary(property, MQTT_PROP_CORRELATION_DATA, &data, &size, false);
  const std::unique_ptr<void, Free> owned(data);
  const auto* const first = static_cast<const std::byte*>(data);
  if (first != nullptr) to.correlation_data.assign(first, first + size);
}

void read_user_property(const mosquitto_property* property, MqttProperties& to) {
  char* name = nullptr;
  char* value = nullptr;
  mosquitto_property_read_string_pair(property, MQTT_PROP_USER_PROPERTY, &name, &value, false);
  const CString owned_name(name);
  const CString owned_value(value);
  if (owned_name && owned_value)
    to.user_properties.emplace_back(owned_name.get(), owned_value.get());
}

void read_expiry(const mosquitto_property* property, MqttProperties& to) {
  std::uint32_t seconds = 0;
  mosquitto_property_read_int32(property, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &seconds, false);
  to.message_expiry = std::chrono::seconds(seconds);
}

std::size_t varint_size(std::size_t value) {
  return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}

}  // namespace

std::optional<std::string_view> MqttProperties::user_property(std::string_view name) const {
  const auto found =
      std::ranges::find(user_properties, name, &decltype(user_properties)::value_type::first);
  if (found == user_properties.end()) return std::nullopt;
  return found->second;
}

Result<PropertyList> to_property_list(const MqttProperties& properties) {
  PropertyList list;
  if (!properties.response_topic.empty()) {
    if (!fits_string(properties.response_topic)) return not_a_string("Response Topic");
    TRIBUTARY_TRY(checked(append(list, mosquitto_property_add_string, MQTT_PROP_RESPONSE_TOPIC,
                                 properties.response_topic.c_str()),
                          "Response Topic"));
  }
  if (!properties.correlation_data.empty()) {
    if (properties.correlation_data.size() > kStringMax) {
      return fail(errc::invalid_argument, "MQTT property Correlation Data: over 65,535 bytes");
    }
    TRIBUTARY_TRY(checked(append(list, mosquitto_property_add_binary, MQTT_PROP_CORRELATION_DATA,
                                 properties.correlation_data.data(),
                                 static_cast<std::uint16_t>(properties.correlation_data.size())),
                          "Correlation Data"));
  }
  for (const auto& [name, value] : properties.user_properties) {
    if (!fits_string(name) || !fits_string(value)) return not_a_string("User Property");
    TRIBUTARY_TRY(checked(append(list, mosquitto_property_add_string_pair, MQTT_PROP_USER_PROPERTY,
                                 name.c_str(), value.c_str()),
                          "User Property"));
  }
  if (properties.message_expiry) {
    const auto seconds =
        std::clamp<std::chrono::seconds::rep>(properties.message_expiry->count(), 0, UINT32_MAX);
    TRIBUTARY_TRY(
        checked(append(list, mosquitto_property_add_int32, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                       static_cast<std::uint32_t>(seconds)),
                "Message Expiry"));
  }
  return list;
}

Result<PropertyList> connect_properties(const MqttOptions& options) {
  PropertyList list;
  const auto expiry =
      std::clamp<std::chrono::seconds::rep>(options.session_expiry.count(), 0, UINT32_MAX);
  TRIBUTARY_TRY(
      checked(append(list, mosquitto_property_add_int32, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                     static_cast<std::uint32_t>(expiry)),
              "Session Expiry"));
  TRIBUTARY_TRY(checked(append(list, mosquitto_property_add_int32, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                               options.packet_size_max),
                        "Maximum Packet Size"));
  return list;
}

MqttProperties from_property_list(const mosquitto_property* list) {
  MqttProperties properties;
  for (; list != nullptr; list = mosquitto_property_next(list)) {
    switch (mosquitto_property_identifier(list)) {
      case MQTT_PROP_RESPONSE_TOPIC:
        read_response_topic(list, properties);
        break;
      case MQTT_PROP_CORRELATION_DATA:
        read_correlation_data(list, properties);
        break;
      case MQTT_PROP_USER_PROPERTY:
        read_user_property(list, properties);
        break;
      case MQTT_PROP_MESSAGE_EXPIRY_INTERVAL:
        read_expiry(list, properties);
        break;
      default:
        break;
    }
  }
  return properties;
}

std::size_t wire_size(const MqttProperties& properties) {
  std::size_t size = 0;
  if (!properties.response_topic.empty()) size += 3 + properties.response_topic.size();
  if (!properties.correlation_data.empty()) size += 3 + properties.correlation_data.size();
  for (const auto& [name, value] : properties.user_properties)
    size += 5 + name.size() + value.size();
  if (properties.message_expiry) size += 5;
  return size;
}

std::size_t wire_size(const MqttPublication& publication, int protocol) {
  std::size_t rest = 2 + publication.topic.size() + publication.payload.size();
  if (publication.qos > 0) rest += 2;
  if (protocol == 5) {
    const auto properties = wire_size(publication.properties);
    rest += varint_size(properties) + properties;
  }
  return 1 + varint_size(rest) + rest;
}

}  // namespace tributary
