#pragma once

// For the files of shared/mqtt only.

#include <string>

#include "shared/mqtt/client.h"
#include "shared/mqtt/tls.h"
#include "shared/mqtt/url.h"

namespace tributary {

// Options that can work, and what follows from them.
struct CheckedMqttOptions {
  MqttOptions options;  // `user` has the URL's if it stood there
  MqttUrl url;
  TlsContext tls;    // null: no TLS
  std::string name;  // for messages: "broker host:port"
};

// errc::invalid_argument with the option and what is wrong with it.
Result<CheckedMqttOptions> check_options(MqttOptions options);

}  // namespace tributary
