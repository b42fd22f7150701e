#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "collector/stream/embedded_stream.h"
#include "shared/log/log.h"
#include "tests/contract/stream_verbs.h"

namespace tributary::collector {

inline EmbeddedStreamOptions small_stream(const std::filesystem::path& directory) {
  return {.directory = directory,
          .topic = "events",
          .group = "persisters",
          .size_max = 2U << 20,
          .dead_letters_size_max = 1U << 20};
}

inline std::unique_ptr<Stream> open_stream(const EmbeddedStreamOptions& options,
                                           FileSystem& files = posix_file_system()) {
  auto stream = open_embedded_stream(files, options);
  if (!stream) FAIL(stream.error().message());
  return std::move(*stream);
}

// One of the two logs of a stream that isn't open, as the log itself sees it.
inline std::unique_ptr<Log> open_log(const EmbeddedStreamOptions& options, const std::string& name,
                                     const std::string& cursor) {
  LogOptions log;
  log.directory = options.directory / name;
  log.size_max = 16U << 20;
  log.segment_size = 256U << 10;
  log.keep_released = true;
  log.cursors = {cursor};
  auto opened = Log::open(posix_file_system(), log);
  if (!opened) FAIL(opened.error().message());
  return std::move(*opened);
}
inline std::unique_ptr<Log> open_records(const EmbeddedStreamOptions& options) {
  return open_log(options, options.topic, options.group);
}
inline std::unique_ptr<Log> open_dead_letters(const EmbeddedStreamOptions& options) {
  return open_log(options, options.topic + ".dead", "account");
}

}  // namespace tributary::collector
