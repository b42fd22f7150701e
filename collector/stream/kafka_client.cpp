#include "collector/stream/kafka_client.h"

#include <array>
#include <future>
#include <thread>
#include <utility>

#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

constexpr std::string_view kComponent = "kafka";
constexpr std::size_t kReasonSizeMax = 512;
constexpr std::chrono::seconds kEndTime{3};

const char* security_protocol(const KafkaOptions& options) {
  if (options.user.empty()) return options.tls.enabled ? "ssl" : "plaintext";
  return options.tls.enabled ? "sasl_ssl" : "sasl_plaintext";
}

KafkaProperties cluster_properties(const KafkaOptions& options) {
  KafkaProperties properties{
      {"bootstrap.servers", options.brokers},
      {"client.id", "tributary"},
      {"security.protocol", security_protocol(options)},
      {"log.queue", "true"},
      {"log.connection.close", "false"},
      {"reconnect.backoff.ms", "100"},
      {"reconnect.backoff.max.ms", "2000"},
      {"socket.keepalive.enable", "true"},
  };
  if (!options.user.empty()) {
    properties["sasl.mechanism"] = options.mechanism;
    properties["sasl.username"] = options.user;
    properties["sasl.password"] = options.password;
  }
  if (options.tls.enabled) {
    const auto file = [&](const char* name, const std::string& path) {
      if (!path.empty()) properties[name] = path;
    };
    file("ssl.ca.location", options.tls.ca_file);
    file("ssl.certificate.location", options.tls.certificate_file);
    file("ssl.key.location", options.tls.key_file);
  }
  return properties;
}

LogLevel level_of(int syslog_level) {
  constexpr int kError = 3;
  constexpr int kWarning = 4;
  constexpr int kInfo = 6;
  if (syslog_level <= kError) return LogLevel::error;
  if (syslog_level <= kWarning) return LogLevel::warning;
  return syslog_level <= kInfo ? LogLevel::info : LogLevel::debug;
}

}  // namespace

Error kafka_error(rd_kafka_resp_err_t error, std::string_view doing) {
  auto code = errc::unavailable;
  switch (error) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      code = errc::timed_out;
      break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      code = errc::refused;
      break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      code = errc::not_found;
      break;
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
      code = errc::unsupported;
      break;
    default:
      break;
  }
  return {code, std::string(doing) + ": " + rd_kafka_err2str(error)};
}

Result<KafkaPtr<rd_kafka_conf_t>> make_kafka_conf(const KafkaOptions& options,
                                                  const KafkaProperties& ours) {
  KafkaPtr<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  auto properties = cluster_properties(options);
  for (const auto& [name, value] : ours) properties.insert_or_assign(name, value);
  for (const auto& [name, value] : options.properties) properties.insert_or_assign(name, value);
  for (const auto& [name, value] : properties) {
    std::array<char, 512> why{};
    switch (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), why.data(), why.size())) {
      case RD_KAFKA_CONF_OK:
        break;
      case RD_KAFKA_CONF_UNKNOWN:
        return fail(errc::invalid_argument, "there is no property " + name + " of librdkafka");
      case RD_KAFKA_CONF_INVALID:
        return fail(errc::invalid_argument,
                    "the property " + name + " has a value that librdkafka doesn't take");
    }
  }
  return conf;
}

Result<std::shared_ptr<KafkaClient>> KafkaClient::open(KafkaContext& context, std::string name,
                                                       rd_kafka_type_t type,
                                                       const KafkaProperties& ours, int events) {
  TRIBUTARY_ASSIGN(auto conf, make_kafka_conf(context.options.cluster, ours));
  rd_kafka_conf_set_events(conf.get(), events | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
  auto heard = std::make_unique<Heards>();
  rd_kafka_conf_set_opaque(conf.get(), heard.get());
  rd_kafka_conf_set_error_cb(
      conf.get(), [](rd_kafka_t*, int error, const char* text, void* opaque) {
        static_cast<Heards*>(opaque)->push_back({static_cast<rd_kafka_resp_err_t>(error), text});
      });
  std::array<char, 512> why{};
  auto* const given = conf.release();
  auto* const client = rd_kafka_new(type, given, why.data(), why.size());
  if (client == nullptr) {
    conf.reset(given);  // not taken
    return fail(errc::invalid_argument, "can't make a Kafka " + name + ": " + why.data());
  }
  return std::shared_ptr<KafkaClient>(
      new KafkaClient(context, std::move(name), client, std::move(heard)));
}

KafkaClient::KafkaClient(KafkaContext& context, std::string name, rd_kafka_t* client,
                         std::unique_ptr<Heards> heard)
    : context_(context),
      name_(std::move(name)),
      errors_(context.metrics.counter("tributary_kafka_errors_total",
                                      "Errors that a client of Kafka told of",
                                      {{"pipeline", context.options.pipeline}, {"client", name_}})),
      heard_(std::move(heard)),
      client_(client) {
  rd_kafka_set_log_queue(client, nullptr);
  if (rd_kafka_type(client) == RD_KAFKA_CONSUMER) {
    rd_kafka_poll_set_consumer(client);
    queue_.reset(rd_kafka_queue_get_consumer(client));
  } else {
    queue_.reset(rd_kafka_queue_get_main(client));
  }
}

// librdkafka 2.0.2 never comes back from ending a consumer whose topic was deleted while it read
// from it (tried). Such a client is left behind: the topic is rarely deleted.
KafkaClient::~KafkaClient() {
  queue_.reset();
  std::promise<void> ended;
  auto has_ended = ended.get_future();
  std::thread([client = client_, heard = std::move(heard_), done = std::move(ended)]() mutable {
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    done.set_value();
  }).detach();
  if (has_ended.wait_for(kEndTime) == std::future_status::timeout) {
    log_warning(kComponent, "a client of Kafka doesn't end, and is left behind",
                {{"client", name_}});
  }
}

KafkaPtr<rd_kafka_event_t> KafkaClient::poll(std::chrono::milliseconds wait) {
  const auto end = context_.clock.monotonic() + wait;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - context_.clock.monotonic());
    KafkaPtr<rd_kafka_event_t> event(rd_kafka_queue_poll(queue_.get(), to_timeout_ms(left)));
    if (!event) return event;
    switch (rd_kafka_event_type(event.get())) {
      case RD_KAFKA_EVENT_LOG:
        take_log(event.get());
        break;
      case RD_KAFKA_EVENT_ERROR:
        take_error(event.get());
        return event;
      default:
        return event;
    }
  }
}

std::optional<KafkaClient::Heard> KafkaClient::take_heard() {
  if (heard_->empty()) return std::nullopt;
  auto heard = std::move(heard_->front());
  heard_->pop_front();
  return heard;
}

void KafkaClient::drain() {
  while (poll(std::chrono::milliseconds(0))) {
  }
}

Error KafkaClient::explain(Error error) {
  drain();
  if (reason_.empty()) return error;
  return {error.code(), error.context() + " (" + reason_ + ")"};
}

void KafkaClient::take_log(rd_kafka_event_t* event) {
  const char* facility = nullptr;
  const char* text = nullptr;
  int level = 0;
  if (rd_kafka_event_log(event, &facility, &text, &level) != 0) return;
  // The user's properties go to clients of either kind, which ignore those of the other one. A
  // connection that fails is an error event, too.
  const std::string_view kind = facility;
  if (kind == "CONFWARN" || kind == "FAIL") return;
  context_.log.line(name_ + facility, level_of(level), kComponent, text,
                    {{"pipeline", context_.options.pipeline}, {"client", name_}});
}

void KafkaClient::take_error(rd_kafka_event_t* event) {
  const auto error = rd_kafka_event_error(event);
  const std::string text = rd_kafka_event_error_string(event);
  errors_.add();
  if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) reason_ = text.substr(0, kReasonSizeMax);
  context_.log.line(name_ + rd_kafka_err2name(error), LogLevel::warning, kComponent, text,
                    {{"pipeline", context_.options.pipeline}, {"client", name_}});
}

}  // namespace tributary::collector
