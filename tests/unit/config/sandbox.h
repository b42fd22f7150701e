#pragma once

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "shared/config/settings.h"

namespace tributary::test {

// Sources in a directory of their own.
class Sandbox {
 public:
  Sandbox() {
    std::string name =
        (std::filesystem::temp_directory_path() / "tributary-config-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    sources.dotenv_file = path(".env");
  }
  ~Sandbox() { std::filesystem::remove_all(directory_); }
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory_ / name).string();
  }
  void write(const std::string& name, const std::string& text) const {
    std::FILE* const file = std::fopen(path(name).c_str(), "w");
    REQUIRE(file != nullptr);
    REQUIRE(std::fwrite(text.data(), 1, text.size(), file) == text.size());
    REQUIRE(std::fclose(file) == 0);
  }
  void write_config(const std::string& text) {
    write("edge.toml", text);
    sources.file = path("edge.toml");
  }
  [[nodiscard]] Settings load() const {
    auto settings = Settings::load(sources);
    if (!settings) FAIL(settings.error().message());
    return *settings;
  }
  // What finish() says, with the directory taken out of the places.
  [[nodiscard]] std::string mistakes(const Settings& settings) const {
    const auto finished = settings.finish();
    return finished ? std::string() : bare(finished.error().message());
  }
  [[nodiscard]] std::string load_error() const {
    const auto settings = Settings::load(sources);
    REQUIRE_FALSE(settings);
    return bare(settings.error().message());
  }

  SettingSources sources;

 private:
  [[nodiscard]] std::string bare(std::string text) const {
    const std::string prefix = directory_.string() + '/';
    for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
      text.erase(at, prefix.size());
    return text;
  }

  std::filesystem::path directory_;
};

}  // namespace tributary::test
