#include "collector/stream/kafka_options.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "collector/stream/kafka_client.h"

namespace tributary::collector {
namespace {

constexpr std::string_view kScheme = "kafka://";
constexpr std::string_view kDefaultPort = "9092";

struct Refused {
  std::string_view property;
  std::string_view why;
};

constexpr std::string_view kAddress = "the pipeline's stream names the brokers";
constexpr std::string_view kAccepted = "that accepted means stored rests on it";
constexpr std::string_view kOnce = "that each record is counted once rests on it";
constexpr std::string_view kGroup = "the pipeline's group decides it";
constexpr std::string_view kUser = "use kafka.user, kafka.mechanism and the password file";
constexpr std::string_view kTls = "use kafka.tls";
constexpr std::string_view kBound = "use kafka.queue_size";
constexpr std::string_view kTopicLimit = "it follows the topic's max.message.bytes";
constexpr std::string_view kOurs = "the collector sets it";

constexpr auto kRefused = std::to_array<Refused>({
    {"bootstrap.servers", kAddress},
    {"metadata.broker.list", kAddress},
    {"acks", kAccepted},
    {"request.required.acks", kAccepted},
    {"enable.idempotence", kAccepted},
    {"enable.gapless.guarantee", kAccepted},
    {"message.timeout.ms", kAccepted},
    {"delivery.timeout.ms", kAccepted},
    {"delivery.report.only.error", kAccepted},
    {"transactional.id", kAccepted},
    {"group.id", kGroup},
    {"group.instance.id", "each collector must have another one"},
    {"enable.auto.commit", kOnce},
    {"auto.commit.enable", kOnce},
    {"enable.auto.offset.store", kOnce},
    {"auto.offset.reset", kOnce},
    {"isolation.level", kOnce},
    {"check.crcs", kOnce},
    {"enable.partition.eof", kOurs},
    {"partition.assignment.strategy", kOnce},
    {"partitioner", "records of one key keep their order"},
    {"security.protocol", "use kafka.user and kafka.tls"},
    {"sasl.mechanism", kUser},
    {"sasl.mechanisms", kUser},
    {"sasl.username", kUser},
    {"sasl.password", kUser},
    {"sasl.oauthbearer.client.secret", "a secret has no place there"},
    {"sasl.oauthbearer.config", "a secret has no place there"},
    {"ssl.ca.location", kTls},
    {"ssl.certificate.location", kTls},
    {"ssl.key.location", kTls},
    {"ssl.key.password", "use a key without one, and kafka.tls"},
    {"ssl.keystore.password", "use kafka.tls"},
    {"ssl.key.pem", kTls},
    {"queue.buffering.max.kbytes", kBound},
    {"queue.buffering.max.messages", kBound},
    {"batch.size", kTopicLimit},
    {"message.max.bytes", kTopicLimit},
    {"log.queue", kOurs},
    {"log_cb", kOurs},
    {"enabled_events", kOurs},
});

Result<void> check_property(const std::string& name, const std::string& value) {
  const auto* const refused = std::ranges::find(kRefused, name, &Refused::property);
  if (refused != kRefused.end()) {
    return fail(errc::invalid_argument,
                "the property " + name + " can't be set: " + std::string(refused->why));
  }
  if (name == "max.in.flight" || name == "max.in.flight.requests.per.connection") {
    constexpr std::string_view kMost = "5";
    if (value.size() != 1 || value < "1" || value > kMost) {
      return fail(errc::invalid_argument,
                  "the property " + name + " must be 1 to 5: the idempotent producer needs it");
    }
  }
  return {};
}

// What librdkafka says when it makes a client of these options; one that goes nowhere.
Result<void> try_client(const KafkaOptions& options, rd_kafka_type_t type,
                        const KafkaProperties& ours) {
  auto nowhere = options;
  nowhere.brokers.clear();
  TRIBUTARY_ASSIGN(auto conf, make_kafka_conf(nowhere, ours));
  std::array<char, 512> why{};
  auto* const given = conf.release();
  auto* const client = rd_kafka_new(type, given, why.data(), why.size());
  if (client == nullptr) {
    conf.reset(given);  // not taken
    return fail(errc::invalid_argument,
                std::string("librdkafka refuses the options: ") + why.data());
  }
  rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  return {};
}

bool is_port(std::string_view text) {
  constexpr std::size_t kDigitsMax = 5;
  constexpr int kPortMax = 65'535;
  if (text.empty() || text.size() > kDigitsMax) return false;
  int port = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return false;
    port = port * 10 + (digit - '0');
  }
  return port >= 1 && port <= kPortMax;
}

// "host", "host:port", "[address]", "[address]:port" → with a port.
Result<std::string> complete_broker(std::string_view broker) {
  const auto bad = [&](std::string_view why) {
    return fail(errc::invalid_argument,
                "\"" + std::string(broker) + "\" is no broker's host:port: " + std::string(why));
  };
  const auto bracket = broker.starts_with('[') ? broker.find(']') : 0;
  if (bracket == std::string_view::npos) return bad("a bracket is missing");
  const auto colon = broker.find(':', bracket);
  const auto host = broker.substr(0, colon);
  if (host.empty()) return bad("the host is missing");
  if (host.find_first_of("/@?# ") != std::string_view::npos) return bad("a host is a name");
  if (colon == std::string_view::npos) return std::string(host) + ":" + std::string(kDefaultPort);
  if (!is_port(broker.substr(colon + 1))) return bad("a port is a number from 1 to 65535");
  return std::string(broker);
}

}  // namespace

Result<std::string> parse_kafka_url(const std::string& url) {
  if (!url.starts_with(kScheme)) {
    return fail(errc::invalid_argument,
                "\"" + url + "\" is no address of Kafka: write \"kafka://host:9092\"");
  }
  if (url.find('@') != std::string::npos) {
    return fail(errc::invalid_argument,
                "the address of Kafka takes no user and password: use kafka.user and "
                "kafka.password_file");
  }
  auto rest = std::string_view(url).substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  std::string brokers;
  for (std::size_t at = 0; at <= rest.size();) {
    const auto comma = std::min(rest.find(',', at), rest.size());
    TRIBUTARY_ASSIGN(const auto broker, complete_broker(rest.substr(at, comma - at)));
    if (!brokers.empty()) brokers += ',';
    brokers += broker;
    at = comma + 1;
  }
  return brokers;
}

Result<void> check_kafka_options(const KafkaOptions& options) {
  if (options.brokers.empty()) {
    return fail(errc::invalid_argument, "no broker of Kafka is named: write \"kafka://host:9092\"");
  }
  if (options.user.empty() != options.password.empty()) {
    return fail(errc::invalid_argument, "Kafka needs the user and the password, or neither");
  }
  for (const auto& [name, value] : options.properties) TRIBUTARY_TRY(check_property(name, value));
  // Each kind of client checks what concerns it, as the collector uses it.
  TRIBUTARY_TRY(try_client(options, RD_KAFKA_PRODUCER, {{"enable.idempotence", "true"}}));
  TRIBUTARY_TRY(try_client(options, RD_KAFKA_CONSUMER, {{"group.id", "check"}}));
  return {};
}

}  // namespace tributary::collector
