#include "edge/publish/mqtt_publisher.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "shared/mqtt/correlation.h"
#include "shared/observe/logging.h"

namespace tributary::edge {
namespace {

using namespace std::chrono_literals;
using std::chrono::ceil;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kStatusEvery = 30s;
constexpr auto kSubscribing = 20ms;  // poll() doesn't return for a SUBACK
constexpr std::size_t kReceiptsPerRound = 256;
constexpr std::size_t kReceiptBytesPerRound = 64U << 10;
constexpr const char* kOffline = R"({"status":"offline"})";

std::uint64_t number(std::optional<std::string_view> text) {
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

MqttPublication retained_status(std::string topic, std::string payload) {
  return {.topic = std::move(topic),
          .payload = std::move(payload),
          .qos = 1,
          .retain = true,
          .properties = {}};
}

}  // namespace

Result<std::unique_ptr<MqttPublisher>> MqttPublisher::create(MqttPublisherOptions options,
                                                             const Clock& clock) {
  std::unique_ptr<MqttPublisher> publisher(new MqttPublisher(std::move(options), clock));
  auto mqtt = publisher->options_.mqtt;
  mqtt.client_id = "tributary-edge-" + publisher->options_.edge;
  mqtt.packet_size_max = kReceiptBytesPerRound;
  mqtt.will = retained_status(publisher->status_topic_, kOffline);
  if (publisher->options_.receipts.receipts) {
    mqtt.subscriptions = {{.topic = publisher->receipts_topic_, .qos = 0}};
  }
  TRIBUTARY_ASSIGN(publisher->client_, publisher->options_.make_client(std::move(mqtt)));
  return publisher;
}

MqttPublisher::MqttPublisher(MqttPublisherOptions options, const Clock& clock)
    : options_(std::move(options)),
      receipts_topic_("tributary/" + options_.edge + "/receipts"),
      status_topic_("tributary/" + options_.edge + "/status"),
      clock_(clock),
      tracker_(options_.receipts),
      health_{.up = false, .detail = "not connected yet"} {}

bool MqttPublisher::can_publish() const {
  const auto& state = client_->state();
  if (!options_.receipts.receipts) return state.connected;
  return state.connected && state.subscribed && state.protocol == 5;
}

bool MqttPublisher::ready() const { return can_publish() && tracker_.ready(clock_.monotonic()); }

Result<void> MqttPublisher::publish(Batch batch) {
  if (!can_publish()) return fail(errc::not_connected, client_->state().error);
  if (!ready()) return fail(errc::window_full, "enough batches are in flight");

  MqttPublication publication{.topic = "tributary/" + options_.edge + "/events/" + batch.pipeline,
                              .payload = std::move(batch.payload),
                              .qos = 1,
                              .retain = false,
                              .properties = {}};
  auto& properties = publication.properties;
  properties.user_properties = {{"edge", options_.edge},
                                {"log", batch.log.text()},
                                {"sequence", std::to_string(batch.range.first.value)}};
  if (options_.receipts.receipts) {
    properties.response_topic = receipts_topic_;
    properties.correlation_data = encode(Correlation{
        .log = batch.log, .boot_nonce = options_.receipts.boot_nonce, .range = batch.range});
    properties.message_expiry = std::max(1s, ceil<seconds>(tracker_.expiry()));
  }
  TRIBUTARY_ASSIGN(const int packet, client_->publish(std::move(publication)));
  tracker_.sent(batch.log, batch.range, packet);
  in_flight_ = tracker_.in_flight();
  return {};
}

std::vector<Delivery> MqttPublisher::poll(milliseconds wait) {
  const auto round = client_->poll(until_due(wait), kReceiptsPerRound, kReceiptBytesPerRound);
  const auto now = clock_.monotonic();
  for (const auto& puback : round.pubacks) tracker_.puback(puback.id, puback.reason, now);
  for (const auto& message : round.messages) hear_receipt(message);
  if (round.disconnected || round.connected) tracker_.disconnected();
  // The subscription is QoS 0; a broker that sends QoS 1 all the same has it acknowledged.
  if (!round.messages.empty()) static_cast<void>(client_->acknowledge(round.generation));
  if (round.connected) connected();
  if (client_->state().connected && now - status_at_ >= kStatusEvery) publish_status();

  tracker_.tick(now);
  in_flight_ = tracker_.in_flight();
  foreign_receipts_ = tracker_.foreign_receipts();
  connected_ = client_->state().connected;
  tell(examine());
  return tracker_.take_deliveries();
}

milliseconds MqttPublisher::until_due(milliseconds wait) const {
  const auto& state = client_->state();
  const bool subscribing =
      state.connected && !state.subscribed && state.refused_subscription.empty();
  if (subscribing) wait = std::min<milliseconds>(wait, kSubscribing);
  const auto now = clock_.monotonic();
  if (const auto due = tracker_.next_due(now)) {
    wait = std::min(wait, ceil<milliseconds>(*due - now));
  }
  return std::max(wait, 0ms);
}

void MqttPublisher::hear_receipt(const MqttMessage& message) {
  if (message.topic != receipts_topic_) return;
  const auto& properties = message.properties;
  const auto correlation = decode_correlation(properties.correlation_data);
  tracker_.receipt(correlation.value_or(Correlation{}),
                   number(properties.user_property("rejected")), clock_.monotonic());
}

void MqttPublisher::connected() {
  ++connects_;
  tracker_.limit_window(client_->state().receive_maximum);
  publish_status();
  log_info("mqtt", "connected",
           {{"url", options_.mqtt.url}, {"protocol", client_->state().protocol}});
}

void MqttPublisher::publish_status() {
  status_at_ = clock_.monotonic();
  // One that can't be sent now is followed by the next one.
  static_cast<void>(client_->publish(retained_status(status_topic_, options_.status())));
}

HealthCheck MqttPublisher::examine() const {
  const auto down = [](std::string why) {
    return HealthCheck{.up = false, .detail = std::move(why)};
  };
  const auto& state = client_->state();
  if (!state.connected) return down(state.error.empty() ? "not connected yet" : state.error);
  const bool old_protocol = state.protocol != 5;
  if (options_.receipts.receipts && old_protocol) {
    return down(
        "the broker speaks MQTT 3.1.1, which has no receipts: set mqtt.acknowledge = \"puback\"");
  }
  if (!state.refused_subscription.empty()) {
    return down("the broker refuses the subscription for receipts: " + state.refused_subscription);
  }
  if (!state.subscribed) {
    return {.up = false,
            .detail = "waiting for the subscription to " + receipts_topic_,
            .warning = true};
  }
  if (auto trouble = tracker_.trouble(); !trouble.empty()) {
    return down(std::move(trouble));
  }
  if (old_protocol) return {.detail = "the broker speaks MQTT 3.1.1", .warning = true};
  return {};
}

// Says it once, when it changes; what passes by itself isn't worth a line.
void MqttPublisher::tell(HealthCheck health) {
  const MutexLock lock(mutex_);
  if (health.up && !told_up_) {
    log_info("mqtt", "ready to publish");
    told_up_ = true;
  } else if (!health.up && !health.warning && health.detail != told_) {
    log_warning("mqtt", health.detail);
    told_up_ = false;
  }
  if (!health.warning) told_ = health.detail;
  health_ = std::move(health);
}

HealthCheck MqttPublisher::health() const {
  const MutexLock lock(mutex_);
  return health_;
}

MqttPublisher::Counts MqttPublisher::counts() const {
  return {.in_flight = in_flight_,
          .foreign_receipts = foreign_receipts_,
          .connects = connects_,
          .connected = connected_};
}

void MqttPublisher::close() {
  if (client_->state().connected) {
    static_cast<void>(client_->publish(retained_status(status_topic_, kOffline)));
  }
  client_->disconnect();
  connected_ = false;
}

}  // namespace tributary::edge
