#include "tests/simulation/simulated_disk.h"

#include <utility>

namespace tributary::simulation {

class SimulatedDisk::DiskFile final : public File {
 public:
  DiskFile(SimulatedDisk& disk, std::unique_ptr<File> file) : disk_(disk), file_(std::move(file)) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    return file_->read(offset, into);
  }
  Result<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
    auto written = file_->write(offset, from);
    disk_.take_time();
    return written;
  }
  Result<void> sync() override {
    disk_.take_time();
    auto synced = file_->sync();
    disk_.take_time();
    return synced;
  }
  Result<void> drop_cached() override { return file_->drop_cached(); }
  Result<void> truncate(std::uint64_t size) override { return file_->truncate(size); }
  Result<std::uint64_t> size() const override { return file_->size(); }

 private:
  SimulatedDisk& disk_;
  const std::unique_ptr<File> file_;
};

// Every third one, so that time goes where it matters.
void SimulatedDisk::take_time() {
  if (latency_.count() == 0 || !scheduler_.chance(1.0 / 3)) return;
  scheduler_.wait(nullptr,
                  scheduler_.now() + scheduler_.time_between(Scheduler::Time(0), latency_));
}

Result<std::unique_ptr<File>> SimulatedDisk::open(const std::filesystem::path& path,
                                                  OpenMode mode) {
  TRIBUTARY_ASSIGN(auto file, files_.open(path, mode));
  return std::make_unique<DiskFile>(*this, std::move(file));
}

Result<std::vector<std::string>> SimulatedDisk::list(const std::filesystem::path& directory) {
  return files_.list(directory);
}

Result<void> SimulatedDisk::make_directories(const std::filesystem::path& directory) {
  return files_.make_directories(directory);
}

Result<void> SimulatedDisk::remove(const std::filesystem::path& path) {
  auto removed = files_.remove(path);
  take_time();
  return removed;
}

Result<void> SimulatedDisk::rename(const std::filesystem::path& from,
                                   const std::filesystem::path& to) {
  auto renamed = files_.rename(from, to);
  take_time();
  return renamed;
}

Result<void> SimulatedDisk::sync_directory(const std::filesystem::path& directory) {
  take_time();
  return files_.sync_directory(directory);
}

Result<std::unique_ptr<FileLock>> SimulatedDisk::lock(const std::filesystem::path& path) {
  return files_.lock(path);
}

}  // namespace tributary::simulation
