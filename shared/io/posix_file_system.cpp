#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "shared/io/file_system.h"

namespace tributary {
namespace {

constexpr mode_t kFileMode = 0600;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      const auto count = ::pread(descriptor_.get(), into.data() + done, into.size() - done,
                                 static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail_errno("cannot read " + path_);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  Result<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
    std::size_t done = 0;
    while (done < from.size()) {
      const auto count = ::pwrite(descriptor_.get(), from.data() + done, from.size() - done,
                                  static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail_errno("cannot write " + path_);
      done += static_cast<std::size_t>(count);
    }
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(descriptor_.get()) != 0) return fail_errno("cannot sync " + path_);
    return {};
  }

  Result<void> drop_cached() override {
    const int error = ::posix_fadvise(descriptor_.get(), 0, 0, POSIX_FADV_DONTNEED);
    if (error == 0) return {};
    return std::unexpected(Error(std::error_code(error, std::generic_category()),
                                 "cannot drop the cached pages of " + path_));
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_.get(), static_cast<off_t>(size)) != 0) {
      return fail_errno("cannot truncate " + path_);
    }
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) != 0) return fail_errno("cannot stat " + path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  Descriptor descriptor_;
  std::string path_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override {
    int flags = O_CLOEXEC;
    switch (mode) {
      case OpenMode::read:
        flags |= O_RDONLY;
        break;
      case OpenMode::read_write:
        flags |= O_RDWR;
        break;
      case OpenMode::create:
        flags |= O_RDWR | O_CREAT | O_EXCL;
        break;
    }
    Descriptor descriptor(::open(path.c_str(), flags, kFileMode));
    if (descriptor.get() < 0) return fail_errno("cannot open " + path.string());
    return std::make_unique<PosixFile>(std::move(descriptor), path.string());
  }

  Result<std::vector<std::string>> list(const std::filesystem::path& directory) override {
    std::vector<std::string> names;
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(directory, error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return std::unexpected(Error(error, "cannot list " + directory.string()));
    std::ranges::sort(names);
    return names;
  }

  Result<void> make_directories(const std::filesystem::path& directory) override {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error)
      return std::unexpected(Error(error, "cannot make the directory " + directory.string()));
    return {};
  }

  Result<void> remove(const std::filesystem::path& path) override {
    if (::unlink(path.c_str()) != 0) return fail_errno("cannot remove " + path.string());
    return {};
  }

  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return fail_errno("cannot rename " + from.string() + " to " + to.string());
    }
    return {};
  }

  Result<void> sync_directory(const std::filesystem::path& directory) override {
    const Descriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0) return fail_errno("cannot open " + directory.string());
    if (::fsync(descriptor.get()) != 0) return fail_errno("cannot sync " + directory.string());
    return {};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::filesystem::path& path) override {
    Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
    if (descriptor.get() < 0) return fail_errno("cannot open " + path.string());
    if (::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return fail_errno("cannot lock " + path.string());
      return fail(errc::log_locked, path.string() + " is in use by another process");
    }
    return std::make_unique<PosixFileLock>(std::move(descriptor));
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem instance;
  return instance;
}

}  // namespace tributary
