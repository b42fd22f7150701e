#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "shared/base/mutex.h"
#include "shared/base/result.h"
#include "shared/io/file_system.h"

namespace tributary {

// `<log>/damaged/`: what was found and is no record of this log, kept for whoever wants to look.
// Bytes are in a file named by where they were, `<file>.<offset>`, so that finding them again at
// the next start keeps them once. At most kSizeMax in sum. Any thread.
class DamagedStore {
 public:
  static constexpr std::uint64_t kSizeMax = 64U << 20;
  static constexpr std::string_view kDirectory = "damaged";

  DamagedStore(FileSystem& files, const std::filesystem::path& log_directory)
      : files_(files), log_directory_(log_directory), directory_(log_directory / kDirectory) {}

  // Copies `size` bytes at `offset` of the log's file `name`. The failure is for a note: losing the
  // copy of something damaged must not stop the log.
  Result<void> keep(const std::string& name, std::uint64_t offset, std::uint64_t size);
  // Moves the log's file `name` as a whole; whether there is room for it or not.
  Result<void> move(const std::string& name);

 private:
  Result<void> prepare() TRIBUTARY_REQUIRES(mutex_);

  FileSystem& files_;
  const std::filesystem::path log_directory_;
  const std::filesystem::path directory_;
  Mutex mutex_;
  bool prepared_ TRIBUTARY_GUARDED_BY(mutex_) = false;
  std::uint64_t size_ TRIBUTARY_GUARDED_BY(mutex_) = 0;
};

}  // namespace tributary
