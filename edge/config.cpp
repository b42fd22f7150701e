#include "edge/config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "shared/config/access.h"
#include "shared/mqtt/url.h"

namespace tributary::edge {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::uint64_t kKiB = 1U << 10;
constexpr std::uint64_t kMiB = 1U << 20;
constexpr std::size_t kIdSizeMax = 64;

bool is_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::string read_id(const Settings& settings) {
  auto id = settings.string("id", edge_id_of_host(host_name()));
  if (id.empty() || id.size() > kIdSizeMax || !std::ranges::all_of(id, is_id_character)) {
    settings.refuse("id", "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -");
  }
  return id;
}

void read_buffer(const Settings& buffer, const std::map<std::string, std::string>& environment,
                 Config::Buffers& config) {
  constexpr std::array<std::string_view, 3> kPolicies{"drop_oldest", "drop_newest", "block"};
  const auto path = buffer.optional_string("path");
  config.path = path ? *path : default_state_directory(environment) + "/buffer";
  if (config.path.empty()) buffer.refuse("path", "is empty");
  config.size_max = buffer.bytes("max_size", 256 * kMiB, kMiB, 1024 * 1024 * kMiB);
  if (buffer.has("segment_size")) {
    config.segment_size = buffer.bytes("segment_size", 4 * kMiB, 64 * kKiB, 64 * kMiB);
  }
  if (buffer.has("when_full")) {
    const auto policy = buffer.choice("when_full", "drop_oldest", kPolicies);
    config.when_full = policy == "drop_newest" ? FullPolicy::drop_newest
                       : policy == "block"     ? FullPolicy::block
                                               : FullPolicy::drop_oldest;
  }
  config.sync =
      buffer.string("sync", "100ms") == "always" ? 0ms : buffer.duration("sync", 100ms, 1ms, 60s);
}

void read_mqtt(const Settings& mqtt, Config& config) {
  auto& options = config.publisher.mqtt;
  options.url = mqtt.string("url", "mqtt://127.0.0.1:1883");
  if (const auto url = parse_mqtt_url(options.url); !url) mqtt.refuse("url", url.error().message());
  options.user = mqtt.string("user");
  options.password = read_password(mqtt);
  const auto tls = mqtt.table("tls");
  options.tls.ca_file = read_file_path(tls, "ca");
  options.tls.certificate_file = read_file_path(tls, "certificate");
  options.tls.key_file = read_file_path(tls, "key");
  if (options.tls.certificate_file.empty() != options.tls.key_file.empty()) {
    mqtt.refuse("tls", "needs both certificate and key, or neither");
  }
  options.keepalive =
      std::chrono::duration_cast<std::chrono::seconds>(mqtt.duration("keepalive", 30s, 5s, 1h));

  constexpr std::array<std::string_view, 2> kAcknowledge{"receipt", "puback"};
  auto& receipts = config.publisher.receipts;
  receipts.receipts = mqtt.choice("acknowledge", "receipt", kAcknowledge) == "receipt";
  receipts.timeout = mqtt.duration("receipt_timeout", 10s, 1s, 1h);
  receipts.timeout_max = std::max<milliseconds>(60s, receipts.timeout);
  receipts.window = static_cast<std::size_t>(mqtt.integer("window", 16, 1, 1000));
  config.outbox.batch_size =
      static_cast<std::size_t>(mqtt.bytes("batch_size", 64 * kKiB, kKiB, 64 * kKiB));
  config.outbox.batch_wait = mqtt.duration("batch_wait", 50ms, 0ms, 60s);
}

}  // namespace

std::string edge_id_of_host(std::string_view host) {
  std::string id(host.substr(0, kIdSizeMax));
  std::ranges::replace_if(id, [](char c) { return !is_id_character(c); }, '-');
  return id.empty() ? "edge" : id;
}

std::vector<std::string> Config::pipelines() const {
  std::vector<std::string> names;
  for (const auto& sensor : sensors) {
    if (std::ranges::find(names, sensor.pipeline) == names.end()) names.push_back(sensor.pipeline);
  }
  return names;
}

BufferOptions Config::buffer_options(const std::string& pipeline, std::size_t count) const {
  BufferOptions options;
  options.pipeline = pipeline;
  options.directory = buffer.path / pipeline;
  options.size_max = buffer.size_max / std::max<std::size_t>(1, count);
  const auto part = std::clamp(options.size_max / 16, 64 * kKiB, 4 * kMiB);
  options.segment_size = std::min(buffer.segment_size.value_or(part), options.size_max / 2);
  options.when_full = full_policy(pipeline);
  return options;
}

FullPolicy Config::full_policy(const std::string& pipeline) const {
  if (buffer.when_full) return *buffer.when_full;
  const auto others = std::ranges::any_of(sensors, [&](const SensorConfig& sensor) {
    return sensor.pipeline == pipeline && !sensor.unhurried();
  });
  const auto some = std::ranges::any_of(
      sensors, [&](const SensorConfig& sensor) { return sensor.pipeline == pipeline; });
  return some && !others ? FullPolicy::block : FullPolicy::drop_oldest;
}

Result<Config> read_config(const Settings& settings,
                           const std::map<std::string, std::string>& environment,
                           const std::filesystem::path& config_file) {
  Config config;
  config.id = read_id(settings);
  config.publisher.edge = config.id;
  read_buffer(settings.table("buffer"), environment, config.buffer);
  read_mqtt(settings.table("mqtt"), config);
  config.front = read_front(settings.table("http"), {"127.0.0.1:8003"}, config.http);
  config.exit_when_done = settings.boolean("exit_when_done", false);
  config.sensors = read_sensors(settings, config.id, config_file.parent_path());
  TRIBUTARY_TRY(settings.finish());
  return config;
}

}  // namespace tributary::edge
