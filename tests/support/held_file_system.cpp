#include "tests/support/held_file_system.h"

#include <cerrno>
#include <utility>

namespace tributary::test {

class HeldFileSystem::HeldFile final : public File {
 public:
  HeldFile(HeldFileSystem& files, std::unique_ptr<File> real, std::filesystem::path path)
      : files_(files), real_(std::move(real)), path_(std::move(path)) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    return real_->read(offset, into);
  }
  Result<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
    return real_->write(offset, from);
  }
  Result<void> sync() override { return files_.sync(*real_, path_); }
  Result<void> drop_cached() override { return real_->drop_cached(); }
  Result<void> truncate(std::uint64_t size) override { return real_->truncate(size); }
  Result<std::uint64_t> size() const override { return real_->size(); }

 private:
  HeldFileSystem& files_;
  std::unique_ptr<File> real_;
  std::filesystem::path path_;
};

HeldFileSystem::~HeldFileSystem() { release(); }

void HeldFileSystem::hold() {
  const std::lock_guard lock(mutex_);
  holds_ = true;
}

void HeldFileSystem::release() {
  const std::lock_guard lock(mutex_);
  holds_ = false;
  changed_.notify_all();
}

void HeldFileSystem::fail() {
  const std::lock_guard lock(mutex_);
  fails_ = true;
  changed_.notify_all();
}

void HeldFileSystem::mend() {
  const std::lock_guard lock(mutex_);
  fails_ = false;
}

std::size_t HeldFileSystem::syncs() const {
  const std::lock_guard lock(mutex_);
  return passed_;
}

bool HeldFileSystem::wait_until_held(std::chrono::milliseconds time) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return held_ > 0; });
}

bool HeldFileSystem::wait_until_failed(std::size_t syncs, std::chrono::milliseconds time) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [&] { return failed_ >= syncs; });
}

Result<void> HeldFileSystem::sync(File& file, const std::filesystem::path& path) {
  {
    std::unique_lock lock(mutex_);
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !holds_ || fails_; });
    --held_;
    if (fails_) {
      ++failed_;
      changed_.notify_all();
      return std::unexpected(
          Error(std::make_error_code(std::errc::io_error), "cannot sync " + path.string()));
    }
    ++passed_;
  }
  return file.sync();
}

Result<std::unique_ptr<File>> HeldFileSystem::open(const std::filesystem::path& path,
                                                   OpenMode mode) {
  TRIBUTARY_ASSIGN(auto file, real_.open(path, mode));
  return std::make_unique<HeldFile>(*this, std::move(file), path);
}

Result<std::vector<std::string>> HeldFileSystem::list(const std::filesystem::path& directory) {
  return real_.list(directory);
}

Result<void> HeldFileSystem::make_directories(const std::filesystem::path& directory) {
  return real_.make_directories(directory);
}

Result<void> HeldFileSystem::remove(const std::filesystem::path& path) {
  return real_.remove(path);
}

Result<void> HeldFileSystem::rename(const std::filesystem::path& from,
                                    const std::filesystem::path& to) {
  return real_.rename(from, to);
}

Result<void> HeldFileSystem::sync_directory(const std::filesystem::path& directory) {
  return real_.sync_directory(directory);
}

Result<std::unique_ptr<FileLock>> HeldFileSystem::lock(const std::filesystem::path& path) {
  return real_.lock(path);
}

}  // namespace tributary::test
