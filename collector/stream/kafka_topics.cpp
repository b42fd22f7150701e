#include "collector/stream/kafka_topics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeout = 3s;
constexpr std::size_t kRecordSizeDefault = 1'048'588;  // Kafka's max.message.bytes
constexpr std::size_t kDeadLetterHeadersMax = 64U << 10;
constexpr std::string_view kReadingConfigs = "can't read the topics' configuration";
constexpr std::uint64_t kSegmentSizeLeast = 1U << 20;
constexpr std::uint64_t kSegmentSizeMost = 1U << 30;
constexpr std::uint64_t kSegments = 8;  // room is given back by the segment

using Configs = std::vector<std::pair<const char*, std::string>>;

Configs event_configs(const KafkaOptions& options) {
  const std::chrono::milliseconds retention = options.retention;
  return {{"cleanup.policy", "delete"}, {"retention.ms", std::to_string(retention.count())}};
}

Configs dead_letter_configs(const KafkaOptions& options) {
  const std::uint64_t largest = options.dead_letter_event_size_max + kDeadLetterHeadersMax;
  const auto segment = std::clamp(std::max(options.dead_letters_size_max / kSegments, largest),
                                  kSegmentSizeLeast, kSegmentSizeMost);
  return {{"cleanup.policy", "delete"},
          {"retention.ms", "-1"},
          {"retention.bytes", std::to_string(options.dead_letters_size_max)},
          {"segment.bytes", std::to_string(segment)},
          {"max.message.bytes", std::to_string(largest)}};
}

// How many partitions the topic has; nothing when it doesn't exist.
Result<std::optional<int>> count_partitions(KafkaClient& client, const std::string& topic) {
  const auto doing = "can't look for the topic " + topic;
  const KafkaPtr<rd_kafka_topic_t> handle(rd_kafka_topic_new(client.get(), topic.c_str(), nullptr));
  if (!handle) return fail_kafka(rd_kafka_last_error(), doing);
  const rd_kafka_metadata_t* answer = nullptr;
  const auto error =
      rd_kafka_metadata(client.get(), 0, handle.get(), &answer, to_timeout_ms(kTimeout));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail_kafka(error, doing);
  const KafkaPtr<const rd_kafka_metadata_t> metadata(answer);
  if (metadata->topic_cnt != 1) return fail_kafka(RD_KAFKA_RESP_ERR__BAD_MSG, doing);
  const auto& found = metadata->topics[0];
  if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return std::nullopt;
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) return fail_kafka(found.err, doing);
  // New, and not known to every broker yet.
  if (found.partition_cnt == 0) return fail(errc::not_found, doing + ": it has no partitions yet");
  return found.partition_cnt;
}

// The answer to a request of the Admin API.
Result<KafkaPtr<rd_kafka_event_t>> wait_for_answer(rd_kafka_queue_t* queue,
                                                   std::string_view doing) {
  KafkaPtr<rd_kafka_event_t> event(rd_kafka_queue_poll(queue, to_timeout_ms(kTimeout + 1s)));
  if (!event) return fail_kafka(RD_KAFKA_RESP_ERR__TIMED_OUT, doing);
  const auto error = rd_kafka_event_error(event.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail_kafka(error, doing);
  return event;
}

KafkaPtr<rd_kafka_AdminOptions_t> admin_options(const KafkaClient& client, rd_kafka_admin_op_t op) {
  KafkaPtr<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(client.get(), op));
  std::array<char, 128> why{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), to_timeout_ms(kTimeout), why.data(),
                                            why.size());
  return options;
}

Result<void> make_topic(KafkaClient& client, const std::string& name, int partitions,
                        int replication, const Configs& configs) {
  const auto doing = "can't make the topic " + name;
  std::array<char, 512> why{};
  KafkaPtr<rd_kafka_NewTopic_t> topic(
      rd_kafka_NewTopic_new(name.c_str(), partitions, replication, why.data(), why.size()));
  if (!topic) return fail(errc::invalid_argument, doing + ": " + why.data());
  for (const auto& [key, value] : configs) {
    rd_kafka_NewTopic_set_config(topic.get(), key, value.c_str());
  }
  const KafkaPtr<rd_kafka_queue_t> queue(rd_kafka_queue_new(client.get()));
  const auto options = admin_options(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  auto* wanted = topic.get();
  rd_kafka_CreateTopics(client.get(), &wanted, 1, options.get(), queue.get());
  TRIBUTARY_ASSIGN(const auto answer, wait_for_answer(queue.get(), doing));
  std::size_t count = 0;
  const auto* const* const results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto error = rd_kafka_topic_result_error(results[i]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      continue;
    }
    const auto* const reason = rd_kafka_topic_result_error_string(results[i]);
    return std::unexpected(kafka_error(error, doing + (reason ? std::string(": ") + reason : "")));
  }
  return {};
}

template <class Integer>
std::optional<Integer> to_number(const char* digits) {
  if (digits == nullptr) return std::nullopt;
  const std::string_view text(digits);
  Integer value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() ? std::optional(value) : std::nullopt;
}

void take_configs(KafkaTopic& topic, const rd_kafka_ConfigResource_t* resource) {
  std::size_t count = 0;
  const auto* const* const entries = rd_kafka_ConfigResource_configs(resource, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view name = rd_kafka_ConfigEntry_name(entries[i]);
    const char* const value = rd_kafka_ConfigEntry_value(entries[i]);
    if (name == "max.message.bytes") {
      if (const auto size = to_number<std::size_t>(value)) topic.record_size_max = *size;
    } else if (name == "retention.ms") {
      if (const auto time = to_number<std::int64_t>(value)) topic.retention_ms = *time;
    }
  }
}

// Asks for the topics' configuration. errc::unsupported: the broker doesn't tell.
Result<KafkaPtr<rd_kafka_event_t>> ask_for_configs(KafkaClient& client,
                                                   const std::vector<KafkaTopic*>& topics) {
  std::vector<KafkaPtr<rd_kafka_ConfigResource_t>> resources;
  std::vector<rd_kafka_ConfigResource_t*> asked;
  for (const auto* topic : topics) {
    resources.emplace_back(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic->name.c_str()));
    asked.push_back(resources.back().get());
  }
  const KafkaPtr<rd_kafka_queue_t> queue(rd_kafka_queue_new(client.get()));
  const auto options = admin_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  rd_kafka_DescribeConfigs(client.get(), asked.data(), asked.size(), options.get(), queue.get());
  return wait_for_answer(queue.get(), kReadingConfigs);
}

// Fills in what the topics take. Where the broker doesn't tell it stays as it was, and is what
// Kafka takes by default at first.
Result<void> read_configs(KafkaContext& context, KafkaClient& client,
                          const std::vector<KafkaTopic*>& topics) {
  for (auto* topic : topics) {
    if (topic->record_size_max == 0) topic->record_size_max = kRecordSizeDefault;
  }
  const auto assume_defaults = [&] {
    context.log.line("configs", LogLevel::warning, "kafka",
                     "the broker doesn't tell the topics' limits: going by Kafka's defaults",
                     {{"pipeline", context.options.pipeline}});
  };
  const auto answer = ask_for_configs(client, topics);
  if (!answer && (answer.error() == errc::unsupported || answer.error() == errc::timed_out)) {
    assume_defaults();  // the topics are there, and that was answered
    return {};
  }
  if (!answer) return std::unexpected(answer.error());
  std::size_t count = 0;
  const auto* const* const results = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(answer->get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view name = rd_kafka_ConfigResource_name(results[i]);
    const auto topic = std::ranges::find(topics, name, &KafkaTopic::name);
    if (topic == topics.end()) continue;
    const auto error = rd_kafka_ConfigResource_error(results[i]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      take_configs(**topic, results[i]);
    } else if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
      assume_defaults();
    } else {
      return fail_kafka(error, kReadingConfigs);
    }
  }
  return {};
}

}  // namespace

Result<void> ensure_kafka_topics(KafkaContext& context, KafkaClient& client) {
  const auto& cluster = context.options.cluster;
  bool made = false;
  std::vector<KafkaTopic*> topics;
  const auto ensure = [&](KafkaTopic& topic, int partitions,
                          const Configs& configs) -> Result<void> {
    TRIBUTARY_ASSIGN(const auto found, count_partitions(client, topic.name));
    topics.push_back(&topic);
    topic.partitions = found.value_or(0);
    if (found) return {};
    topic.exists = false;
    made = true;
    return make_topic(client, topic.name, partitions, cluster.replication, configs);
  };
  if (!context.options.dead_letters_only) {
    TRIBUTARY_TRY(ensure(context.events, cluster.partitions, event_configs(cluster)));
  }
  TRIBUTARY_TRY(ensure(context.dead_letters, 1, dead_letter_configs(cluster)));
  if (made) return fail(errc::not_found, "the topics are being made");
  TRIBUTARY_TRY(read_configs(context, client, topics));
  for (auto* topic : topics) topic->exists = true;
  return {};
}

}  // namespace tributary::collector
