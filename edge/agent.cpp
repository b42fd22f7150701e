#include "edge/agent.h"

#include <algorithm>
#include <utility>

#include "edge/buffer_routes.h"
#include "edge/source/json_text.h"
#include "shared/base/random.h"
#include "shared/base/version.h"
#include "shared/front/observer.h"
#include "shared/observe/logging.h"

namespace tributary::edge {
namespace {

using namespace std::chrono_literals;

constexpr const char* kComponent = "agent";
// What a thread does between two waits takes milliseconds; seconds, on a disk that is overloaded.
constexpr auto kRoundTimeMax = 30s;

HttpServerOptions http_options(const Config& config, Metrics& metrics) {
  auto options = config.http;
  options.threads = 1;
  options.workers = 1;
  options.body_size_max = 16U << 10;
  options.bodies_size_max = 64U << 10;
  options.header_size_max = 4U << 10;
  options.connections_max = 16;
  observe_http(options, config.front, metrics);
  return options;
}

HttpResponse health_response(const Health& health) {
  const auto report = health.report();
  return {.status = report.up ? 200 : 503,
          .content_type = "application/json",
          .body = report.json(),
          .headers = {}};
}

// Down when one of them is; their words in one.
HealthCheck both(const HealthCheck& one, const HealthCheck& other) {
  if (!one.up || other.detail.empty()) return one;
  if (!other.up || one.detail.empty()) return other;
  return {.up = true,
          .detail = one.detail + "; " + other.detail,
          .warning = one.warning || other.warning};
}

}  // namespace

std::vector<std::string> buffered_pipelines(FileSystem& files, const std::filesystem::path& path) {
  auto names = files.list(path);
  if (!names) return {};
  std::erase_if(*names, [&](const std::string& name) {
    return !is_pipeline_name(name) || !files.list(path / name);
  });
  return *std::move(names);
}

Result<std::unique_ptr<Agent>> Agent::start(Config config, FileSystem& files, const Clock& clock) {
  std::unique_ptr<Agent> agent(new Agent(std::move(config), files, clock));
  TRIBUTARY_TRY(agent->open_buffers());
  TRIBUTARY_TRY(agent->open_publisher());
  TRIBUTARY_TRY(agent->open_sensors());
  agent->observe();
  TRIBUTARY_TRY(agent->serve());
  agent->start_threads();
  return agent;
}

Agent::Agent(Config config, FileSystem& files, const Clock& clock)
    : config_(std::move(config)), files_(files), clock_(clock), started_(clock.monotonic()) {}

Agent::~Agent() { stop(0ms); }

Result<void> Agent::open_buffers() {
  const auto wanted = config_.pipelines();
  auto leftover = buffered_pipelines(files_, config_.buffer.path);
  std::erase_if(leftover,
                [&](const auto& name) { return std::ranges::find(wanted, name) != wanted.end(); });
  const auto count = wanted.size() + leftover.size();
  if (wanted.empty()) TRIBUTARY_TRY(files_.make_directories(config_.buffer.path));
  for (const auto& pipeline : wanted) {
    TRIBUTARY_ASSIGN(auto buffer,
                     Buffer::open(files_, clock_, config_.buffer_options(pipeline, count)));
    buffers_.push_back(std::move(buffer));
  }
  for (const auto& pipeline : leftover) TRIBUTARY_TRY(open_leftover(pipeline, count));
  for (const auto& buffer : buffers_) {
    outboxes_.push_back(
        std::make_unique<Outbox>(buffer->pipeline(), buffer->log(), clock_, config_.outbox));
    log_info(kComponent, "buffer",
             {{"pipeline", buffer->pipeline()},
              {"directory", (config_.buffer.path / buffer->pipeline()).string()},
              {"records", buffer->records()},
              {"when_full", text(config_.full_policy(buffer->pipeline()))}});
  }
  return {};
}

// Of an earlier configuration: no sensor feeds it, but what it holds is still to be delivered. One
// that can't be opened stops nobody else; one that another process has open (an export, say) will
// be free again, and this one is to be started again then.
Result<void> Agent::open_leftover(const std::string& pipeline, std::size_t count) {
  auto buffer = Buffer::open(files_, clock_, config_.buffer_options(pipeline, count));
  if (buffer) {
    buffers_.push_back(*std::move(buffer));
    return {};
  }
  if (buffer.error() == errc::log_locked) return std::unexpected(std::move(buffer).error());
  const auto why = buffer.error().message();
  log_error(kComponent, "a buffer can't be delivered: " + why, {{"pipeline", pipeline}});
  health_.add("buffer:" + pipeline, [why] { return HealthCheck{.up = false, .detail = why}; });
  return {};
}

Result<void> Agent::open_publisher() {
  auto options = config_.publisher;
  options.receipts.boot_nonce = random_number();
  options.status = [this] { return status_json(); };
  TRIBUTARY_ASSIGN(publisher_, MqttPublisher::create(std::move(options), clock_));
  std::vector<Outbox*> outboxes;
  for (const auto& outbox : outboxes_) outboxes.push_back(outbox.get());
  forwarder_ = std::make_unique<Forwarder>(std::move(outboxes), *publisher_, clock_);
  return {};
}

Result<void> Agent::open_sensors() {
  std::vector<Buffer*> buffers;
  for (const auto& buffer : buffers_) buffers.push_back(buffer.get());
  committer_ = std::make_unique<Committer>(buffers, clock_, config_.buffer.sync,
                                           [this] { forwarder_->wake(); });
  std::vector<Feed> feeds;
  for (const auto& sensor : config_.sensors) {
    TRIBUTARY_ASSIGN(auto made, make_sensor(files_, clock_, sensor));
    const auto buffer = std::ranges::find(buffers, sensor.pipeline, &Buffer::pipeline);
    feeds.push_back({.name = sensor.name, .sensor = std::move(made), .buffer = *buffer});
  }
  sampler_ = std::make_unique<Sampler>(std::move(feeds), *committer_, clock_);
  return {};
}

Result<void> Agent::serve() {
  http_ = std::make_unique<HttpServer>(http_options(config_, metrics_));
  observe_connections(*http_, metrics_);
  http_->route({.method = "GET", .pattern = "/health"},
               [this](const HttpRequest&, HttpResponder responder) {
                 responder.respond(health_response(health_));
               });
  http_->route({.method = "GET", .pattern = "/health/live"},
               [](const HttpRequest&, HttpResponder responder) {
                 responder.respond({.status = 200, .body = R"({"status": "up"})", .headers = {}});
               });
  http_->route({.method = "GET", .pattern = "/metrics", .scope = "query"},
               [this](const HttpRequest&, HttpResponder responder) {
                 responder.respond({.status = 200,
                                    .content_type = "text/plain; version=0.0.4",
                                    .body = metrics_.text(),
                                    .headers = {}});
               });
  register_buffer_routes(*http_, buffers_);
  if (config_.http.listen.empty()) return {};
  return http_->start();
}

void Agent::observe() {
  for (std::size_t i = 0; i < buffers_.size(); ++i) observe_pipeline(*buffers_[i], *outboxes_[i]);
  observe_sensors();
  observe_publisher();
  observe_threads();
}

void Agent::observe_pipeline(Buffer& buffer, const Outbox& outbox) {
  const auto& pipeline = buffer.pipeline();
  const auto observe = [&](Metrics::Kind kind, const char* name, const char* help, auto read,
                           const MetricLabels& more = {}) {
    MetricLabels labels = more;
    labels["pipeline"] = pipeline;
    metrics_.observe(kind, name, help, labels, [read] { return static_cast<double>(read()); });
  };
  const auto* of = &buffer;
  const auto* out = &outbox;
  using enum Metrics::Kind;
  observe(counter, "tributary_edge_sampled_total", "Samples taken by the buffer",
          [of] { return of->counts().sampled; });
  observe(counter, "tributary_edge_published_total", "Records that are durable at the collector",
          [out] { return out->counts().published; });
  observe(counter, "tributary_edge_rejected_total", "Published records that became dead letters",
          [out] { return out->counts().rejected; });
  constexpr const char* kDropped = "tributary_edge_dropped_total";
  constexpr const char* kDroppedHelp = "Records dropped because the buffer was full, by its policy";
  observe(counter, kDropped, kDroppedHelp, [of] { return of->counts().dropped_oldest; },
          {{"policy", "drop_oldest"}});
  observe(counter, kDropped, kDroppedHelp, [of] { return of->counts().dropped_newest; },
          {{"policy", "drop_newest"}});
  observe(counter, "tributary_edge_too_large_total",
          "Samples dropped because they are over 256 KiB", [of] { return of->counts().too_large; });
  observe(gauge, "tributary_edge_buffer_records", "Records not yet released",
          [of] { return of->records(); });
  observe(gauge, "tributary_edge_buffer_bytes", "Size of the buffer on the disk",
          [&log = buffer.log()] { return log.stats().bytes; });
  observe(counter, "tributary_edge_damaged_records_total", "Records lost to damage on the disk",
          [&log = buffer.log(), out] {
            return log.stats().damaged_records + out->counts().undecodable;
          });
  observe(counter, "tributary_edge_failed_commits_total", "Commits whose write or sync failed",
          [&log = buffer.log()] { return log.stats().failed_syncs; });
  observe(counter, "tributary_edge_resent_batches_total", "Batches that were published again",
          [out] { return out->counts().resent_batches; });
  health_.add("buffer:" + pipeline, [of, out] { return both(of->health(), out->health()); });
}

void Agent::observe_sensors() {
  for (std::size_t i = 0; i < sampler_->sensors(); ++i) {
    health_.add("sensor:" + sampler_->status(i).name,
                [this, i] { return sampler_->status(i).health(); });
  }
  const auto sum = [this](auto member) {
    return [this, member] {
      std::uint64_t total = 0;
      for (std::size_t i = 0; i < sampler_->sensors(); ++i) total += sampler_->status(i).*member;
      return static_cast<double>(total);
    };
  };
  metrics_.observe(Metrics::Kind::counter, "tributary_edge_failed_samples_total",
                   "Samples that failed", {}, sum(&Sampler::SensorStatus::failures));
  metrics_.observe(Metrics::Kind::counter, "tributary_edge_skipped_samples_total",
                   "Samples that were not taken because their time had passed", {},
                   sum(&Sampler::SensorStatus::skipped));
}

void Agent::observe_publisher() {
  const auto observe = [&](Metrics::Kind kind, const char* name, const char* help, auto member) {
    metrics_.observe(kind, name, help, {},
                     [this, member] { return static_cast<double>(publisher_->counts().*member); });
  };
  using enum Metrics::Kind;
  using Counts = MqttPublisher::Counts;
  observe(gauge, "tributary_edge_connected", "1 while connected to the broker", &Counts::connected);
  observe(gauge, "tributary_edge_batches_in_flight", "Batches without their receipt",
          &Counts::in_flight);
  observe(counter, "tributary_edge_connects_total", "Connections made to the broker",
          &Counts::connects);
  observe(counter, "tributary_edge_foreign_receipts_total",
          "Receipts that were not for this process", &Counts::foreign_receipts);
  health_.add("mqtt", [this] { return publisher_->health(); });
}

void Agent::observe_threads() {
  const auto observe = [this](const char* name, const auto& worker) {
    health_.add(name, [&worker] {
      const auto busy = std::chrono::floor<std::chrono::seconds>(worker.busy());
      if (busy < kRoundTimeMax) return HealthCheck{};
      return HealthCheck{.up = false,
                         .detail = "busy with one round for " + std::to_string(busy.count()) +
                                   " s: a disk, a file system or a sensor doesn't answer",
                         .hangs = true};
    });
  };
  observe("sampler", *sampler_);
  observe("committer", *committer_);
  observe("publisher", *forwarder_);
}

void Agent::start_threads() {
  forwarding_ = Thread("publisher", [this](const std::stop_token& stop) {
    forwarder_->run(stop);
    forwarder_->finish(drain_);
  });
  committing_ = Thread("committer", [this](const std::stop_token& stop) { committer_->run(stop); });
  sampling_ = Thread("sampler", [this](const std::stop_token& stop) { sampler_->run(stop); });
}

bool Agent::done() const {
  return sampler_->finished() && records() == 0 &&
         std::ranges::none_of(buffers_, [](const auto& buffer) { return buffer->pending(); });
}

std::uint64_t Agent::records() const {
  std::uint64_t records = 0;
  for (const auto& buffer : buffers_) records += buffer->records();
  return records;
}

void Agent::stop(std::chrono::milliseconds drain) {
  if (std::exchange(stopped_, true)) return;
  drain_ = drain;
  // Each before what it feeds.
  for (auto* thread : {&sampling_, &committing_, &forwarding_}) {
    thread->request_stop();
    if (thread->joinable()) thread->join();
  }
  if (http_) http_->stop(1s);
}

std::string Agent::status_json() const {
  BufferReport sum;
  std::uint64_t sampled = 0;
  std::uint64_t published = 0;
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const auto report = buffers_[i]->report();
    const auto out = outboxes_[i]->counts();
    sum.records += report.records;
    sum.bytes += report.bytes;
    sum.dropped += report.dropped;
    sum.damaged += report.damaged + out.undecodable;
    if (report.oldest && (!sum.oldest || *report.oldest < *sum.oldest)) sum.oldest = report.oldest;
    sampled += buffers_[i]->counts().sampled;
    published += out.published;
  }
  const auto uptime = std::chrono::floor<std::chrono::seconds>(clock_.monotonic() - started_);
  std::string json = R"({"status":"online","version":)";
  append_json_string(json, kVersion);
  const auto add = [&json](std::string_view name, std::uint64_t number) {
    json += ",\"";
    json += name;
    json += "\":" + std::to_string(number);
  };
  add("uptime_seconds", static_cast<std::uint64_t>(uptime.count()));
  add("buffer_records", sum.records);
  add("buffer_bytes", sum.bytes);
  json += R"(,"buffer_oldest":)";
  json += sum.oldest ? '"' + sum.oldest->text() + '"' : "null";
  add("sampled", sampled);
  add("published", published);
  add("dropped", sum.dropped);
  add("damaged", sum.damaged);
  return json += '}';
}

}  // namespace tributary::edge
