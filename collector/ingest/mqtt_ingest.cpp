#include "collector/ingest/mqtt_ingest.h"

#include <algorithm>
#include <deque>
#include <map>
#include <vector>

#include "collector/ingest/event_topic.h"
#include "collector/ingest/intake.h"
#include "collector/ingest/mqtt_origin.h"
#include "collector/ingest/topic_members.h"
#include "shared/base/mutex.h"
#include "shared/base/thread.h"
#include "shared/event/json.h"
#include "shared/mqtt/client.h"
#include "shared/mqtt/url.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kComponent = "mqtt";
constexpr auto kPollWait = 500ms;
constexpr auto kHoldEvery =
    200ms;  // how often the connection is looked after while PUBACKs are held
constexpr auto kRefusedShown = 2s;  // for how long a stream may refuse before health tells
constexpr auto kStopPatience = 5s;  // how long a stop waits for a stream that doesn't take a batch
constexpr std::string_view kEventTopics = "tributary/+/events/+";
constexpr std::size_t kSplicedSizeMax = 64U << 20;  // bytes of records that members were added to

bool receipt_allowed(const std::vector<std::string>& filters, std::string_view topic) {
  if (topic.find_first_of("+#") != std::string_view::npos) return false;
  return std::ranges::any_of(filters,
                             [&](const auto& filter) { return topic_matches(filter, topic); });
}

// Where the records of one pipeline go in; of no pipeline, for what can't be routed.
struct Door {
  std::string name;
  Intake intake;
  Counter& accepted;
  Counter& rejected;
};

Door make_door(Intake intake, const std::string& pipeline, Metrics& metrics) {
  const MetricLabels labels{{"pipeline", pipeline}, {"source", "mqtt"}};
  return {.name = pipeline.empty() ? "of what belongs to no pipeline" : pipeline,
          .intake = std::move(intake),
          .accepted = metrics.counter("tributary_collector_ingested_total",
                                      "Events taken into the stream", labels),
          .rejected = metrics.counter("tributary_collector_ingest_rejected_total",
                                      "Records put among the dead letters at ingest", labels)};
}

// What became of one message's records.
struct Tally {
  std::size_t accepted = 0;
  std::size_t rejected = 0;
};

class MqttIngestThread final : public MqttIngest {
 public:
  MqttIngestThread(const Config::Mqtt& config, std::unique_ptr<MqttClient> client,
                   std::span<Pipeline* const> pipelines, Stream& unrouted, const Clock& clock,
                   Metrics& metrics)
      : config_(config),
        messages_at_once_(std::max<std::size_t>(1, config.options.receive_maximum / 2)),
        mapped_(config.subscriptions),
        clock_(clock),
        client_(std::move(client)),
        unrouted_(make_door(Intake(unrouted, clock), "", metrics)),
        messages_(
            metrics.counter("tributary_collector_mqtt_messages_total", "MQTT messages received")),
        empty_(metrics.counter("tributary_collector_mqtt_empty_retained_total",
                               "Empty retained messages, which clear a topic: ignored")),
        receipts_(metrics.counter("tributary_collector_receipts_total", "Receipts sent")),
        forbidden_(
            metrics.counter("tributary_collector_receipts_forbidden_total",
                            "Response topics outside of mqtt.receipt_topics: not answered")) {
    for (auto* pipeline : pipelines) {
      const auto& name = pipeline->config.name;
      auto& seconds = durable_seconds(metrics, {{"pipeline", name}, {"source", "mqtt"}});
      doors_.emplace(name, make_door(Intake(*pipeline, clock, &seconds), name, metrics));
    }
    tell_health();
    thread_ = Thread("mqtt-ingest", [this](const std::stop_token& stop) { run(stop); });
  }

  ~MqttIngestThread() override { MqttIngestThread::stop(); }
  MqttIngestThread(const MqttIngestThread&) = delete;
  MqttIngestThread& operator=(const MqttIngestThread&) = delete;

  void stop() override {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    client_->wake();
    thread_.join();
  }

  HealthCheck health() const override {
    const MutexLock lock(mutex_);
    return health_;
  }

 private:
  void run(const std::stop_token& stop) {
    bool answered = true;
    while (answered && !stop.stop_requested()) {
      const auto round = client_->poll(kPollWait, messages_at_once_);
      if (round.connected) {
        log_info(kComponent, "connected", {{"session_present", client_->state().session_present}});
      }
      if (round.disconnected) {
        log_warning(kComponent, "not connected", {{"reason", client_->state().error}});
      }
      tell_health();
      if (!round.messages.empty()) answered = take(round, stop);
    }
    if (!config_.share.empty() && answered) hand_back(stop);
    client_->disconnect();
  }

  // A shared subscription's messages go to the members that are there: this one leaves, and takes
  // what was on its way to it.
  void hand_back(const std::stop_token& stop) {
    client_->unsubscribe();
    const auto deadline = clock_.monotonic() + kStopPatience;
    while (client_->state().connected && clock_.monotonic() < deadline) {
      const auto round = client_->poll(kPollWait, messages_at_once_);
      if (round.messages.empty() || !take(round, stop)) return;
    }
  }

  // Makes everything of the round durable, and then answers. False, without an answer, when it gave
  // up: the broker sends the messages again, and nothing may be polled any more.
  bool take(const MqttRound& round, const std::stop_token& stop) {
    messages_.add(static_cast<double>(round.messages.size()));
    tallies_.assign(round.messages.size(), {});
    forget_spliced();
    taking_since_ = clock_.monotonic();
    for (std::size_t i = 0; i < round.messages.size(); ++i) {
      if (!submit(round.messages[i], i, stop)) return false;
    }
    if (!settle(stop)) return false;
    for (std::size_t i = 0; i < round.messages.size(); ++i)
      send_receipt(round.messages[i], tallies_[i]);
    if (const auto done = client_->acknowledge(round.generation); !done) {
      log_warning(kComponent, "the broker will send the last batch again",
                  {{"reason", done.error().message()}});
    }
    return true;
  }

  // Appends the records of the round's message of that index. False when it gave up.
  bool submit(const MqttMessage& message, std::size_t index, const std::stop_token& stop) {
    if (message.payload.empty() && message.retain) {
      empty_.add();
      return true;
    }
    const auto topic = parse_event_topic(message.topic);
    const auto* const rule = topic ? nullptr : mapped_.find(message.topic);
    const std::string_view pipeline = topic  ? topic->pipeline
                                      : rule ? std::string_view(rule->pipeline)
                                             : std::string_view();
    const auto door = doors_.find(pipeline);
    if (door == doors_.end()) {
      return bury_unrouted(message, topic ? topic->edge : "",
                           topic ? std::string(pipeline) : message.topic, index, stop);
    }
    std::optional<TopicMembers> members;
    if (rule != nullptr && !rule->adds_nothing()) members.emplace(*rule, message.topic);
    return submit_records(door->second, message, origin_of(message, topic ? topic->edge : ""),
                          members, index, stop);
  }

  // Whole, so that a replay can put all of it where it belongs; record by record when a dead letter
  // can't hold so much.
  bool bury_unrouted(const MqttMessage& message, std::string_view edge, const std::string& name,
                     std::size_t index, const std::stop_token& stop) {
    const Problem problem{.pointer = "", .detail = "there is no pipeline \"" + name + "\""};
    auto origin = origin_of(message, edge);
    std::vector<std::string_view> letters{message.payload};
    if (message.payload.size() > kEventSizeMax) {
      auto records = split_records(message.payload, Framing::detect);
      if (!records.empty() && records.size() <= kRecordsMax) letters = std::move(records);
    }
    for (const auto letter : letters) {
      if (!bury(unrouted_, letter, origin, "unknown_pipeline", problem, index, stop)) return false;
      if (origin.sequence.value != 0) origin.sequence = origin.sequence.next();
    }
    return true;
  }

  bool submit_records(Door& door, const MqttMessage& message, Origin origin,
                      const std::optional<TopicMembers>& members, std::size_t index,
                      const std::stop_token& stop) {
    const auto records = split_records(message.payload, Framing::detect);
    if (records.empty() || records.size() > kRecordsMax) {
      return bury(
          door, message.payload, origin, "invalid",
          {.pointer = "",
           .detail = records.empty() ? "there is no record in the payload" : kTooManyRecords},
          index, stop);
    }
    for (const auto record : records) {
      // A dead letter has the bytes that came, with any space around them, where they are known.
      const auto original = records.size() == 1 ? std::string_view(message.payload) : record;
      const bool taken = members
                             ? append_with(*members, door, record, original, origin, index, stop)
                             : append(door, record, original, origin, index, stop);
      if (!taken) return false;
      if (origin.sequence.value != 0) origin.sequence = origin.sequence.next();
    }
    return true;
  }

  // Appends the record with what its topic says of it.
  bool append_with(const TopicMembers& members, Door& door, std::string_view record,
                   std::string_view original, const Origin& origin, std::size_t index,
                   const std::stop_token& stop) {
    auto whole = members.add_to(record);
    if (!whole) return bury(door, original, origin, "invalid", whole.error(), index, stop);
    if (whole->empty()) return append(door, record, original, origin, index, stop);
    if (spliced_size_ + whole->size() > kSplicedSizeMax) {
      if (!settle(stop)) return false;
      forget_spliced();
    }
    spliced_size_ += whole->size();
    return append(door, spliced_.emplace_back(*std::move(whole)), original, origin, index, stop);
  }

  // Only with nothing in flight.
  void forget_spliced() {
    spliced_.clear();
    spliced_size_ = 0;
  }

  bool append(Door& door, std::string_view record, std::string_view original, const Origin& origin,
              std::size_t index, const std::stop_token& stop) {
    while (true) {
      const auto taken = door.intake.offer(record, origin, index);
      if (!taken) return bury(door, original, origin, "invalid", taken.error(), index, stop);
      if (*taken) break;
      if (gave_up(stop)) return false;
      wait_for_room(door);
    }
    ++tallies_[index].accepted;
    door.accepted.add();
    return true;
  }

  bool bury(Door& door, std::string_view record, const Origin& origin, std::string_view reason,
            const Problem& problem, std::size_t index, const std::stop_token& stop) {
    while (!door.intake.offer_dead_letter(record, origin, reason, problem, index)) {
      if (gave_up(stop)) return false;
      wait_for_room(door);
    }
    ++tallies_[index].rejected;
    door.rejected.add();
    return true;
  }

  // Waits until everything is durable. False when it gave up.
  bool settle(const std::stop_token& stop) {
    while (in_flight()) {
      if (gave_up(stop)) return false;
      pump();
    }
    return true;
  }

  [[nodiscard]] bool in_flight() const {
    return unrouted_.intake.in_flight() > 0 || std::ranges::any_of(doors_, [](const auto& door) {
             return door.second.intake.in_flight() > 0;
           });
  }

  // Waits a moment for what is in flight, and keeps the connection alive meanwhile.
  void pump() {
    hold();
    for (auto& [name, door] : doors_) {
      if (door.intake.in_flight() > 0) collect(door);
    }
    if (unrouted_.intake.in_flight() > 0) collect(unrouted_);
  }

  void collect(Door& door) {
    for (const auto& durable : door.intake.poll(kHoldEvery)) {
      if (!durable.rejected_late) continue;
      --tallies_[durable.token].accepted;
      ++tallies_[durable.token].rejected;
      door.rejected.add();
    }
  }

  // Waits a moment until a stream that refused a record may take it.
  void wait_for_room(Door& door) {
    hold();
    collect(door);
    if (clock_.monotonic() - taking_since_ < kRefusedShown) return;
    const MutexLock lock(mutex_);
    health_ = {.up = false,
               .detail = "messages wait with the broker: the stream " + door.name +
                         " takes no records (it is full, or its disk fails)"};
  }

  void hold() {
    const auto now = clock_.monotonic();
    if (now - held_at_ < kHoldEvery) return;
    client_->hold();
    held_at_ = now;
  }

  bool gave_up(const std::stop_token& stop) {
    if (!stop.stop_requested()) return false;
    const auto now = clock_.monotonic();
    if (stop_seen_at_ == 0ns) stop_seen_at_ = now;
    return now - stop_seen_at_ > kStopPatience;
  }

  void send_receipt(const MqttMessage& message, const Tally& tally) {
    const auto& properties = message.properties;
    if (properties.response_topic.empty()) return;
    if (!receipt_allowed(config_.receipt_topics, properties.response_topic)) {
      forbidden_.add();
      return;
    }
    MqttPublication receipt{
        .topic = properties.response_topic, .payload = {}, .qos = 0, .properties = {}};
    receipt.properties.correlation_data = properties.correlation_data;
    receipt.properties.user_properties = {{"accepted", std::to_string(tally.accepted)},
                                          {"rejected", std::to_string(tally.rejected)}};
    // A receipt that doesn't leave is asked for again by the sender's next try.
    if (client_->publish(receipt)) receipts_.add();
  }

  void tell_health() {
    const auto& state = client_->state();
    HealthCheck check;
    if (!state.connected) {
      check = {.up = false, .detail = state.error};
    } else if (!state.refused_subscription.empty()) {
      check = {.up = false,
               .detail = "the broker refused the subscription " + state.refused_subscription};
    } else if (!state.subscribed) {
      check = {.up = false, .detail = "waiting for the broker to grant the subscription"};
    } else if (state.protocol != 5) {
      check = {.up = true,
               .detail = "the broker speaks MQTT 3.1.1: it carries no receipts",
               .warning = true};
    }
    const MutexLock lock(mutex_);
    health_ = std::move(check);
  }

  const Config::Mqtt config_;
  // Half of what the broker may send unacknowledged: while one half is made durable, the other is
  // on its way.
  const std::size_t messages_at_once_;
  const TopicMap mapped_;
  const Clock& clock_;
  std::unique_ptr<MqttClient> client_;
  std::map<std::string, Door, std::less<>> doors_;
  Door unrouted_;
  std::vector<Tally> tallies_;
  std::deque<std::string> spliced_;  // records that the doors have views of
  std::size_t spliced_size_ = 0;
  std::chrono::nanoseconds held_at_{};
  std::chrono::nanoseconds taking_since_{};
  std::chrono::nanoseconds stop_seen_at_{};

  Counter& messages_;
  Counter& empty_;
  Counter& receipts_;
  Counter& forbidden_;

  mutable Mutex mutex_;
  HealthCheck health_ TRIBUTARY_GUARDED_BY(mutex_);
  Thread thread_;
};

}  // namespace

std::vector<std::string> MqttIngest::filters(const Config::Mqtt& config) {
  const auto group = config.share.empty() ? "" : "$share/" + config.share + "/";
  std::vector<std::string> filters{group + std::string(kEventTopics)};
  for (const auto& rule : config.subscriptions) filters.push_back(group + rule.filter);
  return filters;
}

Result<std::unique_ptr<MqttIngest>> MqttIngest::start(const Config::Mqtt& config,
                                                      std::span<Pipeline* const> pipelines,
                                                      Stream& unrouted, const Clock& clock,
                                                      Metrics& metrics,
                                                      const MqttClientFactory& make_client) {
  MqttOptions options = config.options;
  options.clean_start = false;
  options.session_expiry = config.share.empty() ? std::chrono::seconds(7 * 24h) : 120s;
  for (auto& filter : filters(config)) {
    options.subscriptions.push_back(
        {.topic = std::move(filter), .qos = 1, .retain_as_published = true});
  }
  TRIBUTARY_ASSIGN(auto client, make_client(std::move(options)));
  return std::make_unique<MqttIngestThread>(config, std::move(client), pipelines, unrouted, clock,
                                            metrics);
}

}  // namespace tributary::collector
