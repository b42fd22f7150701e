#include "collector/collector.h"

#include <algorithm>
#include <limits>
#include <map>

#include "collector/api/dead_letters.h"
#include "collector/api/docs.h"
#include "collector/api/live.h"
#include "collector/api/openapi.h"
#include "collector/api/operations.h"
#include "collector/api/query.h"
#include "collector/ingest/http_ingest.h"
#include "collector/ingest/mqtt_ingest.h"
#include "collector/mqtt_session.h"
#include "collector/open_pipeline.h"
#include "collector/persister.h"
#include "collector/pipeline.h"
#include "shared/base/thread.h"
#include "shared/front/observer.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kComponent = "collector";
constexpr auto kDrainLook = 20ms;
constexpr auto kAnswersTime = 5s;  // at the end, for answers under way

class RunningCollector final : public Collector {
 public:
  RunningCollector(Config config, FileSystem& files, const Clock& clock)
      : config_(std::move(config)), files_(files), clock_(clock), server_(observed()) {}

  ~RunningCollector() override { RunningCollector::stop(0ms); }
  RunningCollector(const RunningCollector&) = delete;
  RunningCollector& operator=(const RunningCollector&) = delete;

  Result<void> start() {
    observe_connections(server_, metrics_);
    if (keeps_data()) TRIBUTARY_TRY(files_.make_directories(config_.data));
    TRIBUTARY_ASSIGN(unrouted_, open_unrouted_stream(config_, surroundings()));
    observe_unrouted();
    for (const auto& pipeline : config_.pipelines) TRIBUTARY_TRY(open(pipeline));
    if (config_.persist) start_persisters();
    if (config_.query) register_queries(server_, all_);
    register_operations(server_, all_, health_, metrics_);
    dead_letters_ = std::make_unique<DeadLetterApi>(server_, all_, *unrouted_, topics_, clock_);
    if (config_.ingest) {
      live_ = std::make_unique<Live>(server_, all_, clock_, metrics_);
      http_ingest_ = HttpIngest::start(config_.http, all_, server_, clock_, metrics_);
      TRIBUTARY_TRY(start_mqtt());
    }
    register_docs(server_);
    register_openapi(server_, all_, config_.http.options.tokens != nullptr);
    return server_.start();
  }

  bool stop(std::chrono::milliseconds time) override {
    if (stopped_) return true;
    stopped_ = true;
    if (mqtt_ingest_) mqtt_ingest_->stop();
    if (dead_letters_) dead_letters_->stop();
    if (live_) live_->stop();
    if (http_ingest_) http_ingest_->finish(kAnswersTime - 1s);
    server_.stop(kAnswersTime);
    if (http_ingest_) http_ingest_->stop();
    const bool drained = drain(time);
    std::vector<Thread> stopping;
    stopping.reserve(persisters_.size());
    for (auto& persister : persisters_)
      stopping.emplace_back("stop", [&](const auto&) { persister->stop(); });
    return drained;
  }

  std::vector<std::string> addresses() const override { return server_.addresses(); }
  const Health& health() const override { return health_; }

 private:
  HttpServerOptions observed() {
    auto options = config_.http.options;
    observe_http(options, config_.http.front, metrics_);
    return options;
  }

  Surroundings surroundings() { return {.files = files_, .clock = clock_, .metrics = metrics_}; }

  // Whether anything is kept in the directory `data`.
  [[nodiscard]] bool keeps_data() const {
    return (config_.ingest && config_.mqtt.enabled) ||
           std::ranges::any_of(config_.pipelines, [](const auto& pipeline) {
             return pipeline.is_embedded() || pipeline.is_sqlite();
           });
  }

  Result<void> open(const PipelineConfig& config) {
    auto pipeline =
        std::make_unique<Pipeline>(Pipeline{.config = config, .stream = nullptr, .store = nullptr});
    TRIBUTARY_ASSIGN(pipeline->stream, open_stream(config_, config, surroundings()));
    if (config_.persist || config_.query) {
      TRIBUTARY_ASSIGN(pipeline->store, open_store(config_, config));
      // A server has had no time to answer yet.
      if (const auto health = pipeline->store->health(); config.is_sqlite() && !health.up) {
        log_error(kComponent, health.detail, {{"pipeline", config.name}});
      }
    }
    if (const auto health = pipeline->stream->health(); health.warning) {
      log_warning(kComponent, health.detail, {{"pipeline", config.name}});
    }
    observe(*pipeline);
    all_.push_back(pipeline.get());
    pipelines_.push_back(std::move(pipeline));
    return {};
  }

  void start_persisters() {
    for (auto* pipeline : all_) {
      auto& persister = *persisters_.emplace_back(Persister::start(*pipeline, clock_, metrics_));
      health_.add("persister." + pipeline->config.name,
                  [&persister] { return persister.health(); });
    }
  }

  Result<void> start_mqtt() {
    if (!config_.mqtt.enabled) return {};
    auto& options = config_.mqtt.options;
    if (options.client_id.empty()) {
      TRIBUTARY_ASSIGN(options.client_id, mqtt_client_id(files_, config_.data));
    }
    TRIBUTARY_ASSIGN(options.given_up,
                     remember_filters(files_, config_.data, MqttIngest::filters(config_.mqtt)));
    TRIBUTARY_ASSIGN(mqtt_ingest_,
                     MqttIngest::start(config_.mqtt, all_, *unrouted_, clock_, metrics_));
    health_.add("mqtt", [this] { return mqtt_ingest_->health(); });
    return {};
  }

  void observe_unrouted() {
    health_.add("stream.unrouted", [this] { return unrouted_->health(); });
    if (const auto health = unrouted_->health(); health.warning) {
      log_warning(kComponent, health.detail, {{"stream", "unrouted"}});
    }
  }

  void observe(Pipeline& pipeline) {
    const auto& name = pipeline.config.name;
    health_.add("stream." + name, [&pipeline] { return pipeline.stream->health(); });
    if (pipeline.store) {
      health_.add("store." + name, [&pipeline] { return pipeline.store->health(); });
    }
    const auto observed = [&](const std::string& metric, const std::string& help,
                              Metrics::Kind kind, std::uint64_t (*read)(const Account&)) {
      metrics_.observe(kind, metric, help, {{"pipeline", name}}, [&pipeline, read] {
        const auto account = pipeline.stream->account();
        if (!account) return std::numeric_limits<double>::quiet_NaN();
        return static_cast<double>(read(*account));
      });
    };
    using enum Metrics::Kind;
    observed("tributary_collector_records_total",
             "Records that entered the stream or were dead-lettered at ingest", counter,
             [](const Account& a) { return a.records; });
    observed("tributary_collector_stored_total", "Events stored", counter,
             [](const Account& a) { return a.totals.stored; });
    observed("tributary_collector_duplicates_total", "Events that the store had already", counter,
             [](const Account& a) { return a.totals.duplicates; });
    observed("tributary_collector_conflicts_total",
             "Events whose key the store had with other content", counter,
             [](const Account& a) { return a.totals.conflicts; });
    observed("tributary_collector_rejected_total", "Records that can't be stored", counter,
             [](const Account& a) { return a.totals.rejected; });
    observed("tributary_collector_lag_records", "Records in the stream that are not settled yet",
             gauge, [](const Account& a) { return a.lag; });
  }

  // Nobody else stores what is in a stream of our own; Kafka can wait.
  bool drain(std::chrono::milliseconds time) {
    const auto deadline = clock_.monotonic() + time;
    const auto lags = [](Pipeline* pipeline) {
      if (!pipeline->config.is_embedded()) return false;
      const auto account = pipeline->stream->account();
      return !account || account->lag > 0;
    };
    while (std::ranges::any_of(all_, lags)) {
      if (clock_.monotonic() >= deadline) return false;
      sleep_for(kDrainLook);
    }
    return true;
  }

  Config config_;
  FileSystem& files_;
  const Clock& clock_;
  Metrics metrics_;
  Health health_;
  const TopicMap topics_{config_.mqtt.subscriptions};
  std::unique_ptr<Stream> unrouted_;
  std::vector<std::unique_ptr<Pipeline>> pipelines_;
  std::vector<Pipeline*> all_;
  std::unique_ptr<Live> live_;
  HttpServer server_;
  std::unique_ptr<DeadLetterApi> dead_letters_;
  std::unique_ptr<HttpIngest> http_ingest_;
  std::unique_ptr<MqttIngest> mqtt_ingest_;
  std::vector<std::unique_ptr<Persister>> persisters_;
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<Collector>> Collector::start(Config config, FileSystem& files,
                                                    const Clock& clock) {
  auto collector = std::make_unique<RunningCollector>(std::move(config), files, clock);
  TRIBUTARY_TRY(collector->start());
  return collector;
}

}  // namespace tributary::collector
