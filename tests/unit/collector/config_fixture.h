#pragma once

#include <catch2/catch.hpp>
#include <fstream>

#include "collector/config.h"
#include "tests/contract/stream_verbs.h"

namespace tributary::collector {

// What a collector's configuration is read from.
struct ConfigSources {
  std::string file{};  // collector.toml; empty: none
  std::vector<std::string> sets{};
  std::map<std::string, std::string> environment{};
  std::string dotenv{};
  std::string schema{};  // schema.json, which `file` calls $SCHEMA; empty: none

  [[nodiscard]] Result<Config> read() const {
    const stream_verbs::TemporaryDirectory directory;
    const auto path = [&](const char* name) { return (directory.path() / name).string(); };
    SettingSources sources;
    sources.dotenv_file = path(".env");
    sources.environment = environment;
    sources.sets = sets;
    if (!dotenv.empty()) std::ofstream(sources.dotenv_file) << dotenv;
    if (!schema.empty()) std::ofstream(path("schema.json")) << schema;
    if (!file.empty()) {
      sources.file = path("collector.toml");
      auto text = file;
      constexpr std::string_view kSchema = "$SCHEMA";
      if (const auto at = text.find(kSchema); at != std::string::npos)
        text.replace(at, kSchema.size(), path("schema.json"));
      std::ofstream(sources.file) << text;
    }
    const auto settings = Settings::load(sources);
    if (!settings) return std::unexpected(settings.error());
    return read_config(*settings, environment);
  }

  // The configuration, which must be good.
  [[nodiscard]] Config good() const {
    auto config = read();
    if (!config) FAIL(config.error().message());
    return *std::move(config);
  }
  // Everything that is wrong with it; something must be.
  [[nodiscard]] std::string mistakes() const {
    const auto config = read();
    if (config) FAIL("is good: " << file << dotenv);
    return config.error().message();
  }
};

inline void says(const std::string& text, std::string_view part) {
  INFO(text);
  const bool found = text.find(part) != std::string::npos;
  CAPTURE(part);
  REQUIRE(found);
}

}  // namespace tributary::collector
