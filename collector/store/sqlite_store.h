#pragma once

#include <filesystem>
#include <memory>

#include "collector/store/store.h"

namespace tributary::collector {

struct SqliteStoreOptions {
  std::filesystem::path file;  // made when missing, with its directory
  std::string table = "events";
};

// A store that is one SQLite file: WAL, synchronous=FULL. One connection writes, a few read.
Result<std::unique_ptr<Store>> open_sqlite_store(SqliteStoreOptions options, Schema schema);

}  // namespace tributary::collector
