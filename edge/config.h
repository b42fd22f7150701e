#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "edge/buffer.h"
#include "edge/publish/mqtt_publisher.h"
#include "edge/publish/outbox.h"
#include "edge/sensor_config.h"
#include "shared/base/result.h"
#include "shared/config/settings.h"
#include "shared/front/settings.h"
#include "shared/http/server.h"
#include "shared/io/file_system.h"

namespace tributary::edge {

struct Config {
  std::string id;

  struct Buffers {
    std::filesystem::path path;
    std::uint64_t size_max = 256U << 20;  // of all pipelines together; each gets an equal share
    std::optional<std::uint64_t> segment_size;  // nothing: a sixteenth of the share, within bounds
    std::optional<FullPolicy> when_full;        // nothing: see full_policy()
    std::chrono::milliseconds sync{100};        // zero: each sample
  } buffer;

  MqttPublisherOptions publisher;
  OutboxOptions outbox;
  HttpServerOptions http;
  FrontSettings front;
  bool exit_when_done = false;
  std::vector<SensorConfig> sensors;

  // The pipelines of the sensors, each once, in order.
  [[nodiscard]] std::vector<std::string> pipelines() const;
  // The options of one pipeline's buffer, of `count` that share the size.
  [[nodiscard]] BufferOptions buffer_options(const std::string& pipeline, std::size_t count) const;
  // What was configured; else drop_oldest, but `block` for a pipeline that is fed by nothing but
  // recordings at full speed: they can wait, and would push themselves out of the buffer.
  [[nodiscard]] FullPolicy full_policy(const std::string& pipeline) const;
};

// errc::invalid_argument with every mistake, one a line. `config_file` is where relative paths of
// recordings are looked for, too.
Result<Config> read_config(const Settings& settings,
                           const std::map<std::string, std::string>& environment,
                           const std::filesystem::path& config_file);

// The host's name as an edge id: what isn't of [A-Za-z0-9_-] becomes "-", 64 characters at most.
std::string edge_id_of_host(std::string_view host);

}  // namespace tributary::edge
