// What the benchmarks of the way from Kafka into a store share: a topic full of events, and the
// collector with the role `persist` alone, a process of its own, that brings them into it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collector/stream/kafka_stream.h"

namespace tributary::bench {

struct Figures {
  double events_per_second = 0;
  double cpu_per_100k = 0;  // seconds
  double peak_mib = 0;      // 0: not known
};

// Of work in this process on so many events.
Figures measure_events(std::size_t events, const std::function<void()>& work);

// Prints the medians: how fast compared with `bare` of the same round, rate, CPU, memory.
void report(const char* name, const std::vector<Figures>& figures,
            const std::vector<Figures>& bare);

class PersistChain {
 public:
  // Fills a topic of its own with these events of a built-in schema, over 50 partition keys.
  PersistChain(std::string program, std::string pipeline, const std::vector<std::string>& events);

  // Everything in the topic, by a group that begins with it, into the store with this address.
  Figures persist(const std::string& store);

 private:
  std::unique_ptr<collector::Stream> open_stream(const std::string& group);
  void produce(const std::vector<std::string>& events);
  [[nodiscard]] pid_t start_collector(const std::string& group, const std::string& store) const;

  const std::string program_;
  const std::string pipeline_;
  const std::size_t events_;
  const std::string kafka_;
  const std::string topic_;
  SystemClock clock_;
  Metrics metrics_;
};

}  // namespace tributary::bench
