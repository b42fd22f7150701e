#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "collector/store/store.h"

namespace tributary::collector {

struct SqliteStoreOptions {
  std::filesystem::path file;  // made when missing, with its directory
  std::string table = "events";
  std::chrono::milliseconds busy_timeout{5'000};  // for locks of other programs
  std::chrono::milliseconds query_wait{5'000};    // for one of the few connections that read
  std::chrono::milliseconds query_time{30'000};   // for one answer
};

// A store that is one SQLite file: WAL, synchronous=FULL. One connection writes, a few read. The
// file's format: sqlite_layout.h.
//
// errc::invalid_argument: a table or a file that isn't for these events, or no path that can be;
// errc::unknown_version: a newer program wrote it; errc::corrupt, errc::unavailable.
// A file that can't be opened now (locked, disk full) gives a store that is down and tries again
// with every write(). A damaged file, or one of something else, is an error.
Result<std::unique_ptr<Store>> open_sqlite_store(SqliteStoreOptions options, Schema schema);

}  // namespace tributary::collector
