#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "collector/stream/stream.h"
#include "shared/io/file_system.h"

namespace tributary::collector {

struct EmbeddedStreamOptions {
  std::filesystem::path directory;      // the logs <directory>/<topic> and <directory>/<topic>.dead
  std::string topic;                    // [A-Za-z0-9._-]+
  std::string group;                    // the cursor's name: [a-z0-9_-]{1,63}
  std::uint64_t size_max = 4ULL << 30;  // full: producers get queue_full until more is settled
  std::uint64_t dead_letters_size_max = 256U << 20;  // full: the oldest go
};

// A stream that is a log of our own (shared/log) on the collector's disk. One committer thread for
// each log makes what all producers appended durable, in one sync, and tries again with backoff
// when the disk refuses; so append() and poll() never wait for the disk.
//
// Sequences are offsets; there is one partition, 0. Totals are the cursor's data.
Result<std::unique_ptr<Stream>> open_embedded_stream(FileSystem& files,
                                                     EmbeddedStreamOptions options);

}  // namespace tributary::collector
