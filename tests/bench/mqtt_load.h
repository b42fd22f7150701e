// What the benchmarks of MQTT ingest share: a broker's queue to drain, and the bare client that
// drains it without doing anything else.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collector/config.h"

struct mosquitto;

namespace tributary::bench {

inline constexpr int kReceiveMaximum = 5000;
inline constexpr std::size_t kLinesInBatch = 350;  // about 64 KiB

// Ends the program when it doesn't hold.
void require(bool condition, const char* what);

// A bare libmosquitto client with a persistent session, run by mosquitto_loop.
class BareClient {
 public:
  BareClient(std::uint16_t port, const std::string& id);

  void subscribe();
  void publish_all(const std::vector<std::string>& payloads);
  void receive(std::size_t messages);
  void disconnect();

 private:
  void loop();
  void run_until(const std::function<bool()>& done);

  std::unique_ptr<mosquitto, void (*)(mosquitto*)> instance_;
  bool connected_ = false;
  bool subscribed_ = false;
  std::size_t received_ = 0;
  std::size_t published_ = 0;
};

struct Cost {
  double seconds = 0;
  double cpu_seconds = 0;  // of this process
};
Cost measure(const std::function<void()>& work);
double median(std::vector<double> values);

// Prints the medians: how fast compared with `bare` of the same round, rate, CPU.
void report(const char* name, const std::vector<Cost>& costs, std::size_t events,
            const std::vector<Cost>& bare);

// Telemetry events as payloads of `lines` lines each; no two of one round have the same key.
std::vector<std::string> make_payloads(std::size_t events, std::size_t lines, int round);

// A session that the broker queues for while nobody drains it.
void make_session(std::uint16_t port, const std::string& id);
Cost drain_bare(std::uint16_t port, const std::string& id, std::size_t messages);

// What MqttIngest needs to drain that session.
collector::Config::Mqtt ingest_config(const std::string& url, const std::string& id);

}  // namespace tributary::bench
