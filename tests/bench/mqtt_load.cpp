#include "tests/bench/mqtt_load.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace tributary::bench {
namespace {

constexpr int kPublishWindow = 150;  // libmosquitto's cost grows with the messages in flight
constexpr std::uint32_t kSessionSeconds = 3600;
constexpr const char* kFilter = "tributary/+/events/+";
constexpr const char* kTopic = "tributary/bench/events/telemetry";

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s failed\n", what);
  std::exit(1);
}

BareClient::BareClient(std::uint16_t port, const std::string& id)
    : instance_(mosquitto_new(id.c_str(), false, this), mosquitto_destroy) {
  auto* const client = instance_.get();
  mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
  mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, kReceiveMaximum);
  mosquitto_max_inflight_messages_set(client, 0);
  mosquitto_connect_v5_callback_set(
      client, [](mosquitto*, void* self, int, int, const mosquitto_property*) {
        static_cast<BareClient*>(self)->connected_ = true;
      });
  mosquitto_subscribe_callback_set(client, [](mosquitto*, void* self, int, int, const int*) {
    static_cast<BareClient*>(self)->subscribed_ = true;
  });
  mosquitto_message_callback_set(client, [](mosquitto*, void* self, const mosquitto_message*) {
    ++static_cast<BareClient*>(self)->received_;
  });
  mosquitto_publish_callback_set(
      client, [](mosquitto*, void* self, int) { ++static_cast<BareClient*>(self)->published_; });
  mosquitto_property* properties = nullptr;
  mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, kSessionSeconds);
  require(mosquitto_connect_bind_v5(client, "127.0.0.1", port, 60, nullptr, properties) ==
              MOSQ_ERR_SUCCESS,
          "connecting");
  mosquitto_property_free_all(&properties);
  run_until([this] { return connected_; });
}

void BareClient::subscribe() {
  require(mosquitto_subscribe(instance_.get(), nullptr, kFilter, 1) == MOSQ_ERR_SUCCESS,
          "subscribing");
  run_until([this] { return subscribed_; });
}

void BareClient::publish_all(const std::vector<std::string>& payloads) {
  std::size_t sent = 0;
  while (published_ < payloads.size()) {
    for (; sent < payloads.size() && sent - published_ < kPublishWindow; ++sent) {
      const auto& payload = payloads[sent];
      require(mosquitto_publish(instance_.get(), nullptr, kTopic, static_cast<int>(payload.size()),
                                payload.data(), 1, false) == MOSQ_ERR_SUCCESS,
              "publishing");
    }
    loop();
  }
}

void BareClient::receive(std::size_t messages) {
  run_until([&] { return received_ >= messages; });
}

void BareClient::disconnect() { mosquitto_disconnect(instance_.get()); }

void BareClient::loop() {
  require(mosquitto_loop(instance_.get(), 100, 1) == MOSQ_ERR_SUCCESS, "mosquitto_loop");
}

void BareClient::run_until(const std::function<bool()>& done) {
  while (!done()) loop();
}

Cost measure(const std::function<void()>& work) {
  const auto cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  work();
  return {
      .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
      .cpu_seconds = cpu_seconds() - cpu};
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void report(const char* name, const std::vector<Cost>& costs, std::size_t events,
            const std::vector<Cost>& bare) {
  std::vector<double> rates;
  std::vector<double> cpu;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    rates.push_back(static_cast<double>(events) / costs[i].seconds);
    cpu.push_back(costs[i].cpu_seconds * 100'000 / static_cast<double>(events));
    ratios.push_back(bare[i].seconds / costs[i].seconds);
  }
  std::printf("%-42s ratio %5.2f   %9.0f events/s   %6.3f CPU s per 100,000 events\n", name,
              median(ratios), median(rates), median(cpu));
}

std::vector<std::string> make_payloads(std::size_t events, std::size_t lines, int round) {
  std::vector<std::string> payloads;
  for (std::size_t i = 0; i < events;) {
    std::string payload;
    for (std::size_t line = 0; line < lines && i < events; ++line, ++i) {
      const auto millisecond = std::to_string(1000 + i % 1000).substr(1);
      const auto second = std::to_string(100 + i / 1000 % 60).substr(1);
      const auto minute = std::to_string(100 + i / 60'000 % 60).substr(1);
      payload +=
          R"({"sensor_id":"sensor_)" + std::to_string(round) + R"(","timestamp":"2026-01-21T10:)" +
          minute + ":" + second + "." + millisecond +
          R"(Z","temperature":25.43,"humidity":60.21,"location":{"latitude":12.97,"longitude":77.59}})" +
          "\n";
    }
    payloads.push_back(std::move(payload));
  }
  return payloads;
}

void make_session(std::uint16_t port, const std::string& id) {
  BareClient client(port, id);
  client.subscribe();
  client.disconnect();
}

Cost drain_bare(std::uint16_t port, const std::string& id, std::size_t messages) {
  return measure([&] {
    BareClient client(port, id);
    client.receive(messages);
  });
}

collector::Config::Mqtt ingest_config(const std::string& url, const std::string& id) {
  collector::Config::Mqtt config;
  config.options.url = url;
  config.options.client_id = id;
  config.options.receive_maximum = kReceiveMaximum;
  return config;
}

}  // namespace tributary::bench
