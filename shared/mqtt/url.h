#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace tributary {

struct MqttUrl {
  bool tls = false;
  std::string user;
  std::string host;
  std::uint16_t port = 1883;
};

// mqtt://[user@]host[:port] or mqtts://…; IPv6 hosts in brackets. A password in the URL is refused:
// it would end up in logs.
Result<MqttUrl> parse_mqtt_url(std::string_view url);

// Whether a topic matches a filter with the wildcards + and # (MQTT 5, 4.7). Topics that begin with
// $ match no filter that begins with a wildcard.
bool topic_matches(std::string_view filter, std::string_view topic);

}  // namespace tributary
