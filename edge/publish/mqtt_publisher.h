#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "edge/publish/publisher.h"
#include "edge/publish/receipt_tracker.h"
#include "shared/base/clock.h"
#include "shared/base/mutex.h"
#include "shared/mqtt/client.h"

namespace tributary::edge {

struct MqttPublisherOptions {
  std::string edge;  // the agent's id
  MqttOptions mqtt;  // url, user, password, tls, keepalive; the rest is filled in
  ReceiptOptions receipts;
  // The retained status while online, a JSON object; published at each connect and every 30 s.
  std::function<std::string()> status;
  MqttClientFactory make_client = MqttClient::create;
};

// Publishes batches to tributary/<edge>/events/<pipeline> and hears their receipts on
// tributary/<edge>/receipts. Its will is the retained tributary/<edge>/status.
class MqttPublisher final : public Publisher {
 public:
  struct Counts {
    std::uint64_t in_flight = 0;
    std::uint64_t foreign_receipts = 0;
    std::uint64_t connects = 0;
    bool connected = false;
  };

  // Doesn't connect. errc::invalid_argument for options that can't work. The clock outlives it.
  static Result<std::unique_ptr<MqttPublisher>> create(MqttPublisherOptions options,
                                                       const Clock& clock);

  bool ready() const override;
  Result<void> publish(Batch batch) override;
  std::vector<Delivery> poll(std::chrono::milliseconds wait) override;
  void wake() override { client_->wake(); }
  HealthCheck health() const override;
  void close() override;

  [[nodiscard]] Counts counts() const;  // any thread

 private:
  MqttPublisher(MqttPublisherOptions options, const Clock& clock);

  [[nodiscard]] bool can_publish() const;
  [[nodiscard]] std::chrono::milliseconds until_due(std::chrono::milliseconds wait) const;
  void hear_receipt(const MqttMessage& message);
  void connected();
  void publish_status();
  [[nodiscard]] HealthCheck examine() const;
  void tell(HealthCheck health);

  const MqttPublisherOptions options_;
  const std::string receipts_topic_;
  const std::string status_topic_;
  const Clock& clock_;
  std::unique_ptr<MqttClient> client_;
  ReceiptTracker tracker_;
  std::chrono::nanoseconds status_at_{};  // of the last publication

  mutable Mutex mutex_;
  HealthCheck health_ TRIBUTARY_GUARDED_BY(mutex_);
  std::string told_ TRIBUTARY_GUARDED_BY(mutex_);  // the last trouble that was logged
  bool told_up_ TRIBUTARY_GUARDED_BY(mutex_) = false;
  std::atomic<std::uint64_t> in_flight_ = 0;
  std::atomic<std::uint64_t> foreign_receipts_ = 0;
  std::atomic<std::uint64_t> connects_ = 0;
  std::atomic<bool> connected_ = false;
};

}  // namespace tributary::edge
