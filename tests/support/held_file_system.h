#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "shared/io/file_system.h"

namespace tributary::test {

// A file system around another one whose File::sync() can be held back, as by a slow disk, or made
// to fail, as by a dying one. What is written reaches the other file system all the same. Any
// thread.
class HeldFileSystem final : public FileSystem {
 public:
  explicit HeldFileSystem(FileSystem& real = posix_file_system()) : real_(real) {}
  // Lets go of what is held.
  ~HeldFileSystem() override;

  // From now on every sync() waits …
  void hold();
  // … until this.
  void release();
  // From now on every sync() fails with EIO, without waiting …
  void fail();
  // … until this.
  void mend();

  // Calls of sync() that went through to the other file system, ever.
  [[nodiscard]] std::size_t syncs() const;
  // Waits until a sync() is held; false when the time is over.
  bool wait_until_held(std::chrono::milliseconds time = std::chrono::seconds(30)) const;
  // Waits until so many calls of sync() have failed, ever; false when the time is over.
  bool wait_until_failed(std::size_t syncs,
                         std::chrono::milliseconds time = std::chrono::seconds(30)) const;

  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::filesystem::path& directory) override;
  Result<void> make_directories(const std::filesystem::path& directory) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> sync_directory(const std::filesystem::path& directory) override;
  Result<std::unique_ptr<FileLock>> lock(const std::filesystem::path& path) override;

 private:
  class HeldFile;
  Result<void> sync(File& file, const std::filesystem::path& path);

  FileSystem& real_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool holds_ = false;
  bool fails_ = false;
  std::size_t held_ = 0;    // calls that wait now
  std::size_t failed_ = 0;  // calls that failed, ever
  std::size_t passed_ = 0;  // calls that went through, ever
};

}  // namespace tributary::test
