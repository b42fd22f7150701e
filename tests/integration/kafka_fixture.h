#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/stream/kafka_stream.h"

// What the tests of the Kafka stream do to a cluster as somebody else would: with a client of their
// own.
namespace tributary::collector {

// A topic name that nobody had before, and a group; what was made of them goes with the object.
class KafkaPlace {
 public:
  explicit KafkaPlace(std::string brokers = {});  // empty: those of the tests
  ~KafkaPlace();
  KafkaPlace(const KafkaPlace&) = delete;
  KafkaPlace& operator=(const KafkaPlace&) = delete;

  [[nodiscard]] const std::string& topic() const { return options_.topic; }
  // To be changed before a stream is opened.
  KafkaStreamOptions& options() { return options_; }

  // The stream, once the cluster has its topics; and one that is only opened.
  [[nodiscard]] std::unique_ptr<Stream> open();
  [[nodiscard]] std::unique_ptr<Stream> open_at_once();

  struct Foreign {
    std::optional<std::string> value;
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::int32_t partition = 0;
  };
  // Produces records; durable on return.
  void produce(const std::vector<Foreign>& records) const;
  void make_topic(const std::string& name, int partitions,
                  const std::map<std::string, std::string>& configs = {}) const;
  void delete_topic(const std::string& name) const;
  void set_config(const std::string& name, const std::string& value) const;  // of topic()
  // Everything before the offset is gone.
  void delete_records(std::int32_t partition, std::int64_t before) const;
  // What the group committed for the partition of topic().
  struct Committed {
    std::int64_t offset = -1;
    std::string metadata;
  };
  [[nodiscard]] Committed committed(std::int32_t partition) const;
  void commit(std::int32_t partition, const Committed& position) const;

  [[nodiscard]] Metrics& metrics() { return metrics_; }

 private:
  SystemClock clock_;
  Metrics metrics_;
  KafkaStreamOptions options_;
};

}  // namespace tributary::collector
