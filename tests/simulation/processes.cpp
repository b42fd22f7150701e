#include "tests/simulation/processes.h"

#include <algorithm>
#include <utility>

#include "collector/stream/embedded_stream.h"
#include "shared/base/random.h"
#include "shared/log/envelope.h"

namespace tributary::simulation {
namespace {

using namespace std::chrono_literals;

constexpr auto kReceiptPatience = 10s;
constexpr std::uint64_t kLinesMost = 4;
constexpr double kRejectedLines = 0.05;

// Gives the oracle's next event of that source, as long as there are any.
class NumberedSensor final : public edge::Sensor {
 public:
  NumberedSensor(Oracle& oracle, const EdgeProcess::Options& options)
      : oracle_(oracle), options_(options) {}

  Result<edge::Reading> sample(Timestamp /*now*/) override {
    return edge::Reading{oracle_.make_line(options_.id, Oracle::Fate::stored).text};
  }
  std::optional<std::chrono::nanoseconds> interval() const override {
    if (oracle_.made(options_.id) >= options_.events) return std::nullopt;
    return options_.interval;
  }

 private:
  Oracle& oracle_;
  const EdgeProcess::Options& options_;
};

}  // namespace

Result<std::unique_ptr<EdgeProcess>> EdgeProcess::start(Surroundings surroundings,
                                                        SimulatedDisk& disk,
                                                        const Options& options) {
  std::unique_ptr<EdgeProcess> process(new EdgeProcess(surroundings, options));
  TRIBUTARY_TRY(process->open(disk));
  return process;
}

EdgeProcess::EdgeProcess(Surroundings surroundings, Options options)
    : surroundings_(surroundings), options_(std::move(options)) {}

Result<void> EdgeProcess::open(SimulatedDisk& disk) {
  const auto& clock = surroundings_.clock;
  TRIBUTARY_ASSIGN(buffer_, edge::Buffer::open(disk, clock, options_.buffer));
  accepted_ = buffer_->log().position(edge::kPublisherCursor).prefix;
  outbox_ = std::make_unique<edge::Outbox>(buffer_->pipeline(), buffer_->log(), clock,
                                           edge::OutboxOptions{.batch_size = 400});
  edge::MqttPublisherOptions publisher;
  publisher.edge = options_.id;
  publisher.mqtt.reconnect_wait_max = 5s;
  publisher.mqtt.connect_timeout = 3s;
  publisher.mqtt.keepalive = 5s;
  publisher.receipts.receipts = options_.receipts;
  publisher.receipts.boot_nonce = random_number();
  publisher.receipts.timeout = 2s;
  publisher.receipts.timeout_max = 8s;
  publisher.status = [] { return "{}"; };
  publisher.make_client = surroundings_.broker.clients_on(machine_);
  TRIBUTARY_ASSIGN(publisher_, edge::MqttPublisher::create(std::move(publisher), clock));
  forwarder_ = std::make_unique<edge::Forwarder>(std::vector{outbox_.get()}, *publisher_, clock);
  committer_ = std::make_unique<edge::Committer>(std::vector{buffer_.get()}, clock, options_.sync,
                                                 [this] { committed(); });
  std::vector<edge::Feed> feeds;
  feeds.push_back({.name = options_.id,
                   .sensor = std::make_unique<NumberedSensor>(surroundings_.oracle, options_),
                   .buffer = buffer_.get()});
  sampler_ = std::make_unique<edge::Sampler>(std::move(feeds), *committer_, clock);
  forwarding_ = Thread("publisher", [this](const std::stop_token& stop) { forwarder_->run(stop); });
  committing_ = Thread("committer", [this](const std::stop_token& stop) { committer_->run(stop); });
  sampling_ = Thread("sampler", [this](const std::stop_token& stop) { sampler_->run(stop); });
  return {};
}

EdgeProcess::~EdgeProcess() {
  sampling_ = {};
  committing_ = {};
  forwarding_ = {};
}

// The edge's commit returned: DESIGN 1.1.
void EdgeProcess::committed() {
  auto records = buffer_->log().read(accepted_, {});
  if (records && !machine_->dead) {
    for (const auto& entry : records->entries) {
      if (const auto envelope = decode_envelope(entry.payload)) {
        surroundings_.oracle.accept(options_.id, envelope->event);
      } else {
        surroundings_.oracle.fault("what was committed is no envelope");
      }
      accepted_ = entry.sequence;
    }
  }
  forwarder_->wake();
}

void EdgeProcess::kill() {
  machine_->dead = true;
  surroundings_.broker.end(*machine_);
}

std::uint64_t EdgeProcess::dropped() const {
  return buffer_->log().position(edge::kPublisherCursor).dropped;
}

bool EdgeProcess::done() const {
  return sampler_->finished() && !buffer_->pending() && outbox_->empty();
}

std::string EdgeProcess::describe() const {
  return options_.id + ": " + std::to_string(buffer_->records()) + " records in the buffer, mqtt " +
         (publisher_->health().up ? "up" : publisher_->health().detail);
}

CollectorProcess::CollectorProcess(Surroundings surroundings)
    : surroundings_(surroundings),
      pipeline_{.config = {.name = "telemetry",
                           .schema = *Schema::built_in("telemetry"),
                           .topic = "sensor-events",
                           .group = "persisters",
                           .table = "events"},
                .stream = nullptr,
                .store = nullptr} {}

Result<std::unique_ptr<CollectorProcess>> CollectorProcess::start(Surroundings surroundings,
                                                                  SimulatedDisk& disk,
                                                                  Database& database,
                                                                  std::uint64_t stream_size) {
  std::unique_ptr<CollectorProcess> process(new CollectorProcess(surroundings));
  auto& pipeline = process->pipeline_;
  const auto open = [&](const std::string& topic, const std::string& group) {
    return collector::open_embedded_stream(disk, {.directory = "/stream",
                                                  .topic = topic,
                                                  .group = group,
                                                  .size_max = stream_size,
                                                  .dead_letters_size_max = 8U << 20});
  };
  TRIBUTARY_ASSIGN(pipeline.stream, open(pipeline.config.topic, pipeline.config.group));
  TRIBUTARY_ASSIGN(process->unrouted_, open(collector::kUnroutedTopic, collector::kUnroutedGroup));
  pipeline.store =
      std::make_unique<SimulatedStore>(database, surroundings.scheduler, process->machine_);
  collector::Config::Mqtt mqtt;
  mqtt.options.client_id = "collector";
  mqtt.options.keepalive = 5s;
  mqtt.options.reconnect_wait_max = 5s;
  mqtt.options.connect_timeout = 3s;
  mqtt.options.receive_maximum = static_cast<std::uint16_t>(surroundings.scheduler.between(2, 40));
  TRIBUTARY_ASSIGN(process->ingest_,
                   collector::MqttIngest::start(mqtt, process->pipelines_, *process->unrouted_,
                                                surroundings.clock, process->metrics_,
                                                surroundings.broker.clients_on(process->machine_)));
  process->persister_ =
      collector::Persister::start(pipeline, surroundings.clock, process->metrics_);
  return process;
}

CollectorProcess::~CollectorProcess() {
  if (ingest_) ingest_->stop();
  if (persister_) persister_->stop();
}

void CollectorProcess::kill() {
  machine_->dead = true;
  surroundings_.broker.end(*machine_);
}

Device::Device(Surroundings surroundings, std::string id, std::uint64_t events, bool receipts)
    : surroundings_(surroundings), id_(std::move(id)), events_(events), receipts_(receipts) {
  thread_ = Thread(id_, [this](const std::stop_token& stop) { run(stop); });
}

void Device::run(const std::stop_token& stop) {
  MqttOptions options;
  options.client_id = id_;
  options.keepalive = 5s;
  options.reconnect_wait_max = 5s;
  options.connect_timeout = 3s;
  if (receipts_) options.subscriptions = {{.topic = "tributary/" + id_ + "/receipts", .qos = 0}};
  client_ = *surroundings_.broker.clients_on(std::make_shared<Machine>())(std::move(options));
  auto& scheduler = surroundings_.scheduler;
  auto& oracle = surroundings_.oracle;
  while (oracle.made(id_) < events_) {
    std::vector<Oracle::Line> lines(scheduler.between(1, kLinesMost));
    for (auto& line : lines) {
      using enum Oracle::Fate;
      line = oracle.make_line(id_, scheduler.chance(kRejectedLines) ? rejected : stored);
    }
    if (!deliver(lines, stop)) return;
    scheduler.wait(nullptr, scheduler.now() + scheduler.time_between(0ms, 500ms));
  }
  done_ = true;
  client_.reset();
}

bool Device::deliver(const std::vector<Oracle::Line>& lines, const std::stop_token& stop) {
  MqttPublication publication{.topic = "tributary/" + id_ + "/events/telemetry",
                              .payload = {},
                              .qos = 1,
                              .retain = false,
                              .properties = {}};
  for (const auto& line : lines) {
    publication.payload += (publication.payload.empty() ? "" : "\n") + line.text;
  }
  while (!stop.stop_requested()) {
    if (receipts_) {
      const auto name = std::to_string(++attempts_);
      publication.properties.response_topic = "tributary/" + id_ + "/receipts";
      publication.properties.correlation_data.assign(as_bytes(name).begin(), as_bytes(name).end());
    }
    if (!attempt(publication, lines, stop)) continue;
    for (const auto& line : lines) surroundings_.oracle.accept(id_, line.text);
    return true;
  }
  return false;
}

// Whether it was accepted.
bool Device::attempt(const MqttPublication& publication, const std::vector<Oracle::Line>& lines,
                     const std::stop_token& stop) {
  while (!client_->state().subscribed) {
    if (stop.stop_requested()) return false;
    client_->poll(100ms);
  }
  const auto id = client_->publish(publication);
  if (!id) {
    client_->poll(200ms);
    return false;
  }
  const auto rejected = std::ranges::count(lines, Oracle::Fate::rejected, &Oracle::Line::fate);
  const auto deadline = surroundings_.scheduler.now() + kReceiptPatience;
  while (surroundings_.scheduler.now() < deadline && !stop.stop_requested()) {
    const auto round = client_->poll(1s);
    if (round.disconnected) return false;
    for (const auto& puback : round.pubacks) {
      if (puback.id != *id) continue;
      if (puback.reason != 0) {
        client_->poll(500ms);
        return false;
      }
      if (!receipts_) return true;
    }
    for (const auto& message : round.messages) {
      const auto& properties = message.properties;
      if (properties.correlation_data != publication.properties.correlation_data) continue;
      const auto accepted =
          std::stoul(std::string(properties.user_property("accepted").value_or("0")));
      const auto refused =
          std::stoul(std::string(properties.user_property("rejected").value_or("0")));
      // What the database refuses is rejected after the receipt.
      if (accepted + refused != lines.size() || refused > static_cast<std::size_t>(rejected)) {
        surroundings_.oracle.fault(id_ + ": a receipt of " + std::to_string(accepted) +
                                   " accepted and " + std::to_string(refused) + " rejected of " +
                                   std::to_string(lines.size()));
      }
      return true;
    }
  }
  return false;
}

}  // namespace tributary::simulation
