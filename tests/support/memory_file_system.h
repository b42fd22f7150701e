#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/io/file_system.h"

namespace tributary::test {

// What becomes of that which was not synced when the machine stops.
enum class Crash : std::uint8_t {
  process,  // kill -9: the machine goes on, everything written stays
  drop,     // it is gone
  tear,     // some sectors of it are there: the first ones, or any; of names, the first changes
  corrupt,  // it is there, but bytes of it are garbage
};

enum class Operation : std::uint8_t {
  open,
  read,
  write,
  truncate,
  sync,
  create,
  rename,
  remove,
  sync_directory,
  list
};

// Files in memory, with the difference between what a program sees and what a disk has. A sync that
// fails leaves the bytes visible until drop_cached(), and no later sync writes them (as Linux
// does). A name is on the disk after sync_directory() of its directory. Any thread.
class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();
  // The same files, names and disk; open files and locks stay with the original.
  [[nodiscard]] std::unique_ptr<MemoryFileSystem> clone() const;

  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::filesystem::path& directory) override;
  Result<void> make_directories(const std::filesystem::path& directory) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> sync_directory(const std::filesystem::path& directory) override;
  Result<std::unique_ptr<FileLock>> lock(const std::filesystem::path& path) override;

  // The power goes after this many more mutating operations (write, truncate, sync, create, rename,
  // remove, sync_directory, and a directory made): each call after them fails with EIO.
  void crash_after(std::uint64_t operations);
  [[nodiscard]] bool crashed() const;
  [[nodiscard]] std::uint64_t mutations() const;
  // The machine, or the process, is back. Files and locks that were held are dead.
  void restart(Crash crash, std::mt19937_64& random);

  // The next `count` calls of this kind fail with this errno. A write leaves the first half of its
  // bytes; a sync drops what it should have written.
  void fail_next(Operation operation, int error, int count = 1);
  // All operations, of whatever kind, are counted from 0. Those from number `first` on, `count` of
  // them, fail with this errno, as above.
  void fail_calls(std::uint64_t first, std::uint64_t count, int error);
  [[nodiscard]] std::uint64_t calls() const;
  // Reads of these bytes of a file fail with EIO: bad sectors, which a file in its place doesn't
  // have.
  void make_unreadable(const std::filesystem::path& path, std::uint64_t begin, std::uint64_t end);
  // Nothing fails from now on.
  void mend();
  // Bytes of all files together; a write beyond it writes what fits and fails with ENOSPC.
  void set_capacity(std::uint64_t bytes);

  // Verbs for tests: what they do is on the disk at once. CHECK that the file is there.
  Bytes contents(const std::filesystem::path& path) const;
  void put(const std::filesystem::path& path, Bytes bytes);
  void flip(const std::filesystem::path& path, std::uint64_t offset, unsigned bits = 1);
  void shrink(const std::filesystem::path& path, std::uint64_t bytes);
  void erase(const std::filesystem::path& path);
  [[nodiscard]] bool exists(const std::filesystem::path& path) const;
  // Everything there is, with its bytes; directories are empty.
  [[nodiscard]] std::map<std::string, Bytes> snapshot() const;

 private:
  friend class MemoryFile;
  friend class MemoryFileLock;

  struct Change {  // of a file's bytes: a write, or a truncation when `truncation`
    bool truncation = false;
    std::size_t offset = 0;  // or the size
    Bytes bytes;
  };
  struct Node {
    bool directory = false;
    Bytes now;
    Bytes durable;
    std::vector<Change> unsynced;
    std::uint64_t unreadable_begin = 0;
    std::uint64_t unreadable_end = 0;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct NameChange {
    std::string removed;  // empty: nothing
    std::string added;
    std::shared_ptr<Node> node;
  };

  static void apply(Bytes& to, const Change& change);
  static void apply(Names& to, const NameChange& change);
  static void tear(Node& node, std::mt19937_64& random);
  static void corrupt(Node& node, std::mt19937_64& random);
  static bool concerns(const NameChange& change, const std::string& directory);

  Result<void> begin(Operation operation, const std::string& path);
  void finish_change();
  [[nodiscard]] bool powerless() const;
  void change_name(NameChange change);
  std::shared_ptr<Node> find(const std::string& path) const;
  [[nodiscard]] std::uint64_t used() const;

  mutable std::mutex mutex_;
  Names now_;
  Names durable_;
  std::vector<NameChange> unsynced_;
  std::set<std::string> locked_;
  std::map<Operation, std::pair<int, int>> failing_;  // errno, how often
  std::uint64_t calls_ = 0;
  std::uint64_t failing_first_ = 0;  // of calls
  std::uint64_t failing_count_ = 0;
  int failing_error_ = 0;
  std::uint64_t capacity_ = ~std::uint64_t{0};
  std::uint64_t mutations_ = 0;
  std::uint64_t crash_at_ = ~std::uint64_t{0};
  std::uint64_t epoch_ = 0;
};

}  // namespace tributary::test
