#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shared/base/result.h"

namespace tributary {

// A file open for reading, or for reading and writing. Closed by its destructor; closing never
// reports a failure, so whoever needs the bytes to last calls sync() first.
//
// read() and size() may be called from any thread; the others by one thread at a time.
class File {
 public:
  virtual ~File() = default;

  // Fills `into` from `offset` on. Fewer bytes than asked for only at the end of the file.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const = 0;
  // All of `from` at `offset`, or a failure, after which any part of it may be there.
  virtual Result<void> write(std::uint64_t offset, std::span<const std::byte> from) = 0;
  // What was written is on the disk when this returns (fdatasync). After a failure nothing is known
  // about it, and a later sync may succeed without it: the caller gives the file up.
  virtual Result<void> sync() = 0;
  // After a sync: what is read from here on, by whomever, comes from the disk, as far as the system
  // gives its cached pages back. After a failed sync they have what the disk doesn't, and the
  // system takes them for written.
  virtual Result<void> drop_cached() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() const = 0;
};

// Held as long as it lives.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode {
  read,        // must exist
  read_write,  // must exist
  create,  // must not exist; read and write; mode 0600 (what is buffered is nobody else's business)
};

// The operations of a file system that Tributary's durable parts use, so that tests can make any of
// them fail, or crash the machine between two of them. Paths are absolute or relative to the
// working directory. Failures carry errno. Any thread may call.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) = 0;
  // Names (without the directory) of the regular files and directories in it, sorted.
  virtual Result<std::vector<std::string>> list(const std::filesystem::path& directory) = 0;
  // With its parents; no failure when it is there already.
  virtual Result<void> make_directories(const std::filesystem::path& directory) = 0;
  virtual Result<void> remove(const std::filesystem::path& path) = 0;
  // Replaces `to` when it exists.
  virtual Result<void> rename(const std::filesystem::path& from,
                              const std::filesystem::path& to) = 0;
  // Makes the creations, removals and renames in this directory durable.
  virtual Result<void> sync_directory(const std::filesystem::path& directory) = 0;
  // An advisory lock on a file (made when missing) that ends with the process at the latest.
  // errc::log_locked when another process, or this one, holds it.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::filesystem::path& path) = 0;
};

// The file system of the operating system.
FileSystem& posix_file_system();

}  // namespace tributary
