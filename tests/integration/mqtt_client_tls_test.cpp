// TLS, with certificates that the openssl command makes.

#include <cstdlib>

#include "tests/integration/mqtt_client_driver.h"

using namespace tributary;

namespace {

// A certification authority and a broker's certificate for localhost and 127.0.0.1.
class Certificates {
 public:
  Certificates() {
    auto pattern = (std::filesystem::temp_directory_path() / "tributary-tls-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    make("-x509 -subj /CN=Test-CA -keyout ca.key -out ca.pem");
    make("-subj /CN=broker -keyout broker.key -out broker.csr");
    run("printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > names");
    run("openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
        "-extfile names "
        "-out broker.pem");
    make("-x509 -subj /CN=Other-CA -keyout other.key -out other.pem");
  }
  ~Certificates() { std::filesystem::remove_all(directory); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  [[nodiscard]] std::vector<std::string> broker_configuration() const {
    return {"certfile " + (directory / "broker.pem").string(),
            "keyfile " + (directory / "broker.key").string()};
  }

  std::filesystem::path directory;

 private:
  void make(const std::string& what) const {
    run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 " + what);
  }
  void run(const std::string& command) const {
    const auto line = "cd " + directory.string() + " && " + command + " 2> errors";
    REQUIRE(std::system(line.c_str()) == 0);
  }
};

MqttOptions tls_options(const Certificates& certificates, const std::string& host,
                        std::uint16_t port, const std::string& ca = "ca.pem") {
  auto options =
      mqtt_options("mqtts://" + host + ":" + std::to_string(port), "client", {{.topic = "t"}});
  options.tls.ca_file = certificates.directory / ca;
  return options;
}

}  // namespace

TEST_CASE("over TLS, large messages pass and a held round keeps the connection") {
  const Certificates certificates;
  const Mosquitto broker(certificates.broker_configuration());
  const std::string host = GENERATE("localhost", "127.0.0.1");
  MqttDriver client(tls_options(certificates, host, broker.port()));
  REQUIRE(client.until_subscribed());
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 10; ++i) REQUIRE(client->publish(publication("t", large)));
  REQUIRE(
      client.until([&] { return client.messages.size() == 10 && client.pubacks.size() == 10; }));
  for (const auto& message : client.messages) REQUIRE(message.payload == large);
  if (host == "localhost") return;

  REQUIRE(client->publish(publication("t", "held")));
  const auto generation = client.held_round();
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(hold_until(*client, [&] { return std::chrono::steady_clock::now() - start > 9s; }, 12s));
  REQUIRE(client->acknowledge(generation));
  REQUIRE(client->publish(publication("t", "after")));
  REQUIRE(client.until([&] { return client.messages.size() == 12; }));
  REQUIRE(client.disconnects == 0);
  client->disconnect();
}

TEST_CASE("a broker whose certificate we don't trust is refused, and the error says why") {
  const Certificates certificates;
  const Mosquitto broker(certificates.broker_configuration());
  MqttDriver stranger(tls_options(certificates, "127.0.0.1", broker.port(), "other.pem"));
  REQUIRE(stranger.until([&] { return stranger->state().error.contains("certificate"); }));
  REQUIRE(stranger->state().error.contains("unable to get local issuer certificate"));
  // The loopback address that the certificate doesn't name.
  const Mosquitto elsewhere([&] {
    auto lines = certificates.broker_configuration();
    lines.insert(lines.begin(), "listener {port}");
    return lines;
  }());
  MqttDriver misled(tls_options(certificates, "127.0.0.2", elsewhere.port()));
  REQUIRE(misled.until([&] { return misled->state().error.contains("IP address mismatch"); }));
}

TEST_CASE("TLS with a port that is closed, or that speaks no TLS, is said in words") {
  const Certificates certificates;
  MqttDriver closed(tls_options(certificates, "127.0.0.1", free_port()));
  REQUIRE(closed.until([&] { return closed->state().error.contains("connection refused"); }));
  const Mosquitto plain;
  MqttDriver client(tls_options(certificates, "127.0.0.1", plain.port()));
  REQUIRE(client.until([&] { return client->state().error.contains("TLS"); }));
}

TEST_CASE("TLS without files trusts the system's authorities only") {
  const Certificates certificates;
  const Mosquitto broker(certificates.broker_configuration());
  auto options = tls_options(certificates, "127.0.0.1", broker.port());
  options.tls = {};
  MqttDriver client(options);
  REQUIRE(client.until([&] { return client->state().error.contains("certificate"); }));
}
