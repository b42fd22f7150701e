#pragma once

// For the files of shared/mqtt only.

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "shared/mqtt/client.h"

namespace tributary {

struct TlsContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, TlsContextDeleter>;

// TLS 1.2 or newer, which trusts only certificates of `host` (a name or an address). Ours instead
// of libmosquitto's, which checks the name it connects to and sends that name to the server: we
// connect to an address, after a lookup of our own. errc::invalid_argument names the file that
// doesn't fit.
Result<TlsContext> make_tls_context(const MqttTls& options, const std::string& host);

// Why the handshake failed, as far as it was the certificate; empty otherwise.
std::string certificate_error(const SSL* connection);

}  // namespace tributary
