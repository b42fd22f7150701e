#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/stream/kafka_context.h"
#include "shared/base/result.h"

// librdkafka as the parts of a Kafka stream use it. Of kafka_*.cpp only.
namespace tributary::collector {

struct KafkaDelete {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(rd_kafka_headers_t* headers) const { rd_kafka_headers_destroy(headers); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
  void operator()(rd_kafka_ConfigResource_t* config) const {
    rd_kafka_ConfigResource_destroy(config);
  }
  void operator()(rd_kafka_AdminOptions_t* options) const {
    rd_kafka_AdminOptions_destroy(options);
  }
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
template <class T>
using KafkaPtr = std::unique_ptr<T, KafkaDelete>;

using KafkaPartitionList = KafkaPtr<rd_kafka_topic_partition_list_t>;
using KafkaProperties = std::map<std::string, std::string>;

inline KafkaPartitionList make_partition_list() {
  return KafkaPartitionList(rd_kafka_topic_partition_list_new(4));
}
inline std::span<rd_kafka_topic_partition_t> elements(const KafkaPartitionList& list) {
  return {list->elems, static_cast<std::size_t>(list->cnt)};
}
inline std::span<const rd_kafka_topic_partition_t> elements(
    const rd_kafka_topic_partition_list_t& list) {
  return {list.elems, static_cast<std::size_t>(list.cnt)};
}

// errc::timed_out, errc::refused (authorization), errc::not_found (topic), errc::unsupported or
// else errc::unavailable, with "doing: reason".
Error kafka_error(rd_kafka_resp_err_t error, std::string_view doing);
inline std::unexpected<Error> fail_kafka(rd_kafka_resp_err_t error, std::string_view doing) {
  return std::unexpected(kafka_error(error, doing));
}

inline int to_timeout_ms(std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(1);
  return static_cast<int>(std::clamp(time, std::chrono::milliseconds(0), kLongest).count());
}

// The configuration of a client: what the options say of the cluster, `ours` below the user's
// properties. errc::invalid_argument names the property, and never its value.
Result<KafkaPtr<rd_kafka_conf_t>> make_kafka_conf(const KafkaOptions& options,
                                                  const KafkaProperties& ours);

// One client of the cluster, with a queue for all its events. Log lines and errors are dealt with
// here; what else happens goes to the one thread that calls poll(). Ends without waiting for the
// cluster: whoever wants something finished does that before.
class KafkaClient {
 public:
  // `name` ("producer", "consumer", …) is for log lines and metrics. `events`: RD_KAFKA_EVENT_…,
  // beside those that are dealt with here.
  static Result<std::shared_ptr<KafkaClient>> open(KafkaContext& context, std::string name,
                                                   rd_kafka_type_t type,
                                                   const KafkaProperties& ours, int events = 0);
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  [[nodiscard]] rd_kafka_t* get() const { return client_; }

  // The next event that is not dealt with here, an error event after it was logged; null when none
  // came within `wait`.
  KafkaPtr<rd_kafka_event_t> poll(std::chrono::milliseconds wait);
  // The next error that came among the records of a queue, in the thread that took them; those are
  // no events.
  struct Heard {
    rd_kafka_resp_err_t error;
    std::string text;
  };
  std::optional<Heard> take_heard();
  // Deals with the events that are there, and throws away the others.
  void drain();

  // Why the client can't do its work, as far as it said since clear_reason(); else empty. Thread
  // of poll().
  [[nodiscard]] const std::string& reason() const { return reason_; }
  void clear_reason() { reason_.clear(); }
  // Another error, with the reason that the client gave for it.
  [[nodiscard]] Error explain(Error error);

 private:
  using Heards = std::deque<Heard>;
  KafkaClient(KafkaContext& context, std::string name, rd_kafka_t* client,
              std::unique_ptr<Heards> heard);
  void take_log(rd_kafka_event_t* event);
  void take_error(rd_kafka_event_t* event);

  KafkaContext& context_;
  const std::string name_;
  Counter& errors_;
  std::unique_ptr<Heards> heard_;  // librdkafka has its address
  rd_kafka_t* const client_;
  KafkaPtr<rd_kafka_queue_t> queue_;
  std::string reason_;
};

}  // namespace tributary::collector
