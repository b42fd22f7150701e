#include "collector/stream/kafka_keeper.h"

#include <utility>

#include "collector/stream/kafka_topics.h"
#include "shared/base/backoff.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kFresh = 250ms;
constexpr auto kAnswerTime = 2s;
constexpr auto kStale = 15s;
constexpr auto kInterval = 5s;         // between readings that nobody asked for
constexpr auto kTopicsInterval = 30s;  // between looks at topics that are in order
constexpr auto kRetryLeast = 100ms;
constexpr auto kRetryMost = 2s;

KafkaProperties keeper_properties(const KafkaContext& context) {
  return {
      {"group.id", context.options.group},  // never joined: its offsets are read
      {"enable.auto.commit", "false"},
      {"isolation.level", "read_committed"},
  };
}

// As whom we came; and what is known to fail.
std::string login(const KafkaOptions& cluster) {
  constexpr int kScramMended = 0x020601ff;  // https://github.com/confluentinc/librdkafka/pull/4895
  auto text = " (user " + cluster.user + ", mechanism " + cluster.mechanism + ")";
  if (cluster.mechanism.starts_with("SCRAM") && rd_kafka_version() < kScramMended) {
    text += std::string("; Kafka 4 refuses the SCRAM of librdkafka ") + rd_kafka_version_str() +
            ": use PLAIN over TLS with it, or librdkafka 2.6.1";
  }
  return text;
}

}  // namespace

KafkaKeeper::KafkaKeeper(KafkaContext& context, std::function<void()> topics_seen)
    : context_(context),
      topics_seen_(std::move(topics_seen)),
      thread_("kafka-keeper", [this](const std::stop_token& stop) { run(stop); }) {}

void KafkaKeeper::run(const std::stop_token& stop) {
  auto client =
      KafkaClient::open(context_, "keeper", RD_KAFKA_CONSUMER, keeper_properties(context_));
  if (!client) {
    report(std::unexpected(std::move(client).error()));
    return;  // the options can't work; opening the stream has checked what can be checked
  }
  KafkaAccount account(context_, **client);
  Backoff backoff(kRetryLeast, kRetryMost);
  Backoff lost(kRetryLeast, kRetryMost);
  while (!stop.stop_requested()) {
    if (looked_at_ != 0ns && !context_.has_topics()) {
      // A topic went, or takes less than it said: what fails at once must not come again at once.
      const auto now = context_.clock.monotonic();
      if (now - looked_at_ > kTopicsInterval) lost.reset();
      for (const auto end = now + lost.next(); context_.clock.monotonic() < end;) {
        context_.alarm.wait(
            stop, std::chrono::ceil<std::chrono::milliseconds>(end - context_.clock.monotonic()));
        if (stop.stop_requested()) return;
      }
    }
    (*client)->clear_reason();
    auto result = look_after(**client, account);
    (*client)->drain();
    if (!result && result.error() == errc::not_found) {
      looked_at_ = {};
      context_.alarm.wait(stop, kRetryLeast);  // until new topics are known to every broker
      continue;
    }
    if (!result) result = std::unexpected((*client)->explain(std::move(result).error()));
    report(result);
    if (result) backoff.reset();
    context_.alarm.wait(stop, result ? kInterval : backoff.next());
  }
}

Result<void> KafkaKeeper::look_after(KafkaClient& client, KafkaAccount& account) {
  const auto now = context_.clock.monotonic();
  if (!context_.has_topics() || looked_at_ == 0ns || now - looked_at_ >= kTopicsInterval) {
    TRIBUTARY_TRY(ensure_kafka_topics(context_, client));
    looked_at_ = now;
    topics_seen_();
  }
  std::uint64_t asked = 0;
  {
    const MutexLock lock(mutex_);
    asked = asked_;
  }
  auto reading = account.read();
  if (!reading) return std::unexpected(std::move(reading).error());
  show(*reading);
  const MutexLock lock(mutex_);
  reading_ = reading->account;
  read_at_ = now;
  answered_ = asked;
  return {};
}

void KafkaKeeper::show(const KafkaReading& reading) {
  const auto& options = context_.options;
  for (; shown_ < context_.events.partitions; ++shown_) {
    show_lag(context_.metrics, context_.figures, options.pipeline, options.topic, shown_);
  }
  context_.figures->set_lags(reading.lags);
}

void KafkaKeeper::report(const Result<void>& result) {
  if (result) {
    if (context_.health.is_down("cluster")) {
      log_info("kafka", "the cluster answers", {{"pipeline", context_.options.pipeline}});
    }
    context_.health.up("cluster");
  } else {
    auto why = "waiting for Kafka at " + context_.options.cluster.brokers + ": " +
               result.error().message();
    if (!context_.options.cluster.user.empty() && why.find("uthentication") != std::string::npos)
      why += login(context_.options.cluster);
    if (!context_.health.is_down("cluster")) {
      log_error("kafka", why, {{"pipeline", context_.options.pipeline}});
    }
    context_.health.down("cluster", why);
  }
  {
    const MutexLock lock(mutex_);
    failure_ = result ? std::nullopt : std::optional(result.error());
  }
  answered_cv_.notify_all();
}

Result<Account> KafkaKeeper::account() {
  MutexLock lock(mutex_);
  if (reading_ && context_.clock.monotonic() - read_at_ < kFresh) return *reading_;
  if (!failure_) {
    const auto question = ++asked_;
    context_.alarm.ring();
    answered_cv_.wait_for(lock, kAnswerTime, [&]() TRIBUTARY_REQUIRES(mutex_) {
      return answered_ >= question || failure_.has_value();
    });
  }
  if (failure_ && *failure_ == errc::unknown_version) return std::unexpected(*failure_);
  if (reading_ && context_.clock.monotonic() - read_at_ < kStale) return *reading_;
  return fail(errc::unavailable,
              failure_ ? failure_->message()
                       : "Kafka at " + context_.options.cluster.brokers + " has not answered yet");
}

}  // namespace tributary::collector
