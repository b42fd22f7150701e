#include "shared/mqtt/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>

namespace tributary {
namespace {

std::string last_tls_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

std::unexpected<Error> bad_file(std::string_view what, const std::string& file) {
  return fail(errc::invalid_argument, std::string(what) + " " + file + ": " + last_tls_error());
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

void free_name(void*, void* name, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<std::string*>(name);  // NOLINT(cppcoreguidelines-owning-memory)
}

int name_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_name);
  return index;
}

// libmosquitto has put the address it connects to into the ClientHello; the server is to see the
// host's name there, and nothing when the URL has an address (RFC 6066, 3).
void set_server_name(const SSL* connection, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_START) == 0) return;
  const auto* const name = static_cast<const std::string*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), name_index()));
  const char* const sent = name == nullptr ? nullptr : name->c_str();
  SSL_set_tlsext_host_name(const_cast<SSL*>(connection), sent);
}

Result<void> expect_host(SSL_CTX* context, const std::string& host) {
  X509_VERIFY_PARAM* const verify = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool numeric = is_address(host);
  const int set = numeric ? X509_VERIFY_PARAM_set1_ip_asc(verify, host.c_str())
                          : X509_VERIFY_PARAM_set1_host(verify, host.c_str(), host.size());
  if (set != 1)
    return fail(errc::invalid_argument, "TLS: no certificate can name the host " + host);
  if (!numeric) {
    auto name = std::make_unique<std::string>(host);
    if (SSL_CTX_set_ex_data(context, name_index(), name.get()) != 1) {
      return fail(errc::unavailable, "TLS: " + last_tls_error());
    }
    name.release();  // NOLINT(bugprone-unused-return-value): free_name() deletes it
  }
  SSL_CTX_set_info_callback(context, &set_server_name);
  return {};
}

Result<void> load_files(SSL_CTX* context, const MqttTls& options) {
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_file(context, options.ca_file.c_str()) != 1) {
    return bad_file("TLS: CA file", options.ca_file);
  }
  if (options.certificate_file.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
    return bad_file("TLS: certificate file", options.certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return bad_file("TLS: key file", options.key_file);
  }
  return {};
}

}  // namespace

Result<TlsContext> make_tls_context(const MqttTls& options, const std::string& host) {
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return fail(errc::invalid_argument,
                "TLS: a certificate file needs its key file, and the other way round");
  }
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  if (!context) return fail(errc::unavailable, "TLS: " + last_tls_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  ERR_clear_error();
  TRIBUTARY_TRY(load_files(context.get(), options));
  TRIBUTARY_TRY(expect_host(context.get(), host));
  return context;
}

std::string certificate_error(const SSL* connection) {
  const long code = connection == nullptr ? X509_V_OK : SSL_get_verify_result(connection);
  return code == X509_V_OK ? std::string{} : X509_verify_cert_error_string(code);
}

}  // namespace tributary
