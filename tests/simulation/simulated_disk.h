#pragma once

#include "shared/io/file_system.h"
#include "tests/simulation/baton_scheduler.h"
#include "tests/support/memory_file_system.h"

namespace tributary::simulation {

// The disk of one machine: files in memory (MemoryFileSystem, which can lose power and fail), whose
// operations take their time, so that other threads run in the middle of them.
class SimulatedDisk final : public FileSystem {
 public:
  explicit SimulatedDisk(BatonScheduler& scheduler) : scheduler_(scheduler) {}

  [[nodiscard]] test::MemoryFileSystem& files() { return files_; }
  // From now on an operation takes up to so long.
  void set_latency(Scheduler::Time most) { latency_ = most; }

  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::filesystem::path& directory) override;
  Result<void> make_directories(const std::filesystem::path& directory) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> sync_directory(const std::filesystem::path& directory) override;
  Result<std::unique_ptr<FileLock>> lock(const std::filesystem::path& path) override;

 private:
  class DiskFile;
  void take_time();

  BatonScheduler& scheduler_;
  test::MemoryFileSystem files_;
  Scheduler::Time latency_{};
};

}  // namespace tributary::simulation
