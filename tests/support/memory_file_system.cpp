#include "tests/support/memory_file_system.h"

#include <algorithm>
#include <cerrno>

#include "shared/base/check.h"

namespace tributary::test {
namespace {

constexpr std::uint64_t kSectorSize = 512;

std::unexpected<Error> fail_with(int error, const std::string& path) {
  return std::unexpected(Error(std::error_code(error, std::generic_category()), path));
}

std::string parent_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

std::string normal(const std::filesystem::path& path) {
  auto text = path.lexically_normal().string();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

}  // namespace

class MemoryFile final : public File {
 public:
  MemoryFile(MemoryFileSystem& files, std::shared_ptr<MemoryFileSystem::Node> node,
             std::string path)
      : files_(files), node_(std::move(node)), path_(std::move(path)), epoch_(files.epoch_) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    const std::lock_guard lock(files_.mutex_);
    TRIBUTARY_TRY(alive());
    TRIBUTARY_TRY(files_.begin(Operation::read, path_));
    if (offset < node_->unreadable_end && offset + into.size() > node_->unreadable_begin) {
      return fail_with(EIO, path_);
    }
    const auto size = node_->now.size();
    if (offset >= size) return std::size_t{0};
    const auto at = static_cast<std::size_t>(offset);
    const auto count = std::min(into.size(), size - at);
    std::ranges::copy(ByteView(node_->now).subspan(at, count), into.begin());
    return count;
  }

  Result<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
    const std::lock_guard lock(files_.mutex_);
    TRIBUTARY_TRY(alive());
    auto begun = files_.begin(Operation::write, path_);
    auto count = from.size();
    if (!begun) count /= 2;
    const auto grown =
        std::max<std::uint64_t>(offset + from.size(), node_->now.size()) - node_->now.size();
    const auto used = files_.used();
    if (used + grown > files_.capacity_) {
      const auto over = used + grown - files_.capacity_;
      count -= static_cast<std::size_t>(std::min<std::uint64_t>(over, count));
      begun = fail_with(ENOSPC, path_);
    }
    if (!files_.powerless() && count > 0) {
      change({false, static_cast<std::size_t>(offset),
              Bytes(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count))});
    }
    files_.finish_change();
    return begun;
  }

  Result<void> sync() override {
    const std::lock_guard lock(files_.mutex_);
    TRIBUTARY_TRY(alive());
    auto begun = files_.begin(Operation::sync, path_);
    if (begun) {
      for (const auto& unsynced : node_->unsynced)
        MemoryFileSystem::apply(node_->durable, unsynced);
    }
    if (begun || !files_.powerless()) node_->unsynced.clear();
    files_.finish_change();
    return begun;
  }

  Result<void> drop_cached() override {
    const std::lock_guard lock(files_.mutex_);
    TRIBUTARY_TRY(alive());
    node_->now = node_->durable;
    for (const auto& unsynced : node_->unsynced) MemoryFileSystem::apply(node_->now, unsynced);
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    const std::lock_guard lock(files_.mutex_);
    TRIBUTARY_TRY(alive());
    TRIBUTARY_TRY(files_.begin(Operation::truncate, path_));
    change({true, static_cast<std::size_t>(size), {}});
    files_.finish_change();
    return {};
  }

  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(files_.mutex_);
    TRIBUTARY_TRY(alive());
    return node_->now.size();
  }

 private:
  [[nodiscard]] Result<void> alive() const {
    if (epoch_ != files_.epoch_) return fail_with(EBADF, path_);
    return {};
  }
  void change(MemoryFileSystem::Change change) {
    MemoryFileSystem::apply(node_->now, change);
    node_->unsynced.push_back(std::move(change));
  }

  MemoryFileSystem& files_;
  std::shared_ptr<MemoryFileSystem::Node> node_;
  std::string path_;
  std::uint64_t epoch_;
};

class MemoryFileLock final : public FileLock {
 public:
  MemoryFileLock(MemoryFileSystem& files, std::string path)
      : files_(files), path_(std::move(path)), epoch_(files.epoch_) {}
  MemoryFileLock(const MemoryFileLock&) = delete;
  MemoryFileLock& operator=(const MemoryFileLock&) = delete;
  ~MemoryFileLock() override {
    const std::lock_guard lock(files_.mutex_);
    if (epoch_ == files_.epoch_) files_.locked_.erase(path_);
  }

 private:
  MemoryFileSystem& files_;
  std::string path_;
  std::uint64_t epoch_;
};

MemoryFileSystem::MemoryFileSystem() {
  const auto root = std::make_shared<Node>();
  root->directory = true;
  now_["/"] = durable_["/"] = root;
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::clone() const {
  const std::lock_guard lock(mutex_);
  auto other = std::make_unique<MemoryFileSystem>();
  std::map<std::shared_ptr<Node>, std::shared_ptr<Node>> copies;
  const auto copy = [&](const std::shared_ptr<Node>& node) {
    if (!node) return node;
    auto& made = copies[node];
    if (!made) made = std::make_shared<Node>(*node);
    return made;
  };
  other->now_.clear();
  other->durable_.clear();
  for (const auto& [name, node] : now_) other->now_[name] = copy(node);
  for (const auto& [name, node] : durable_) other->durable_[name] = copy(node);
  for (const auto& [removed, added, node] : unsynced_) {
    other->unsynced_.push_back({removed, added, copy(node)});
  }
  return other;
}

void MemoryFileSystem::apply(Bytes& to, const Change& change) {
  if (change.truncation) {
    to.resize(change.offset);
    return;
  }
  to.resize(std::max<std::size_t>(to.size(), change.offset + change.bytes.size()));
  std::ranges::copy(change.bytes, to.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

void MemoryFileSystem::apply(Names& to, const NameChange& change) {
  if (!change.removed.empty()) to.erase(change.removed);
  if (!change.added.empty()) to[change.added] = change.node;
}

bool MemoryFileSystem::concerns(const NameChange& change, const std::string& directory) {
  return (!change.removed.empty() && parent_of(change.removed) == directory) ||
         (!change.added.empty() && parent_of(change.added) == directory);
}

bool MemoryFileSystem::powerless() const { return mutations_ >= crash_at_; }

Result<void> MemoryFileSystem::begin(Operation operation, const std::string& path) {
  if (powerless()) return fail_with(EIO, path);
  const auto call = calls_++;
  if (call >= failing_first_ && call - failing_first_ < failing_count_) {
    return fail_with(failing_error_, path);
  }
  const auto failing = failing_.find(operation);
  if (failing == failing_.end() || failing->second.second == 0) return {};
  --failing->second.second;
  return fail_with(failing->second.first, path);
}

void MemoryFileSystem::finish_change() {
  if (!powerless()) ++mutations_;
}

void MemoryFileSystem::change_name(NameChange change) {
  apply(now_, change);
  unsynced_.push_back(std::move(change));
  finish_change();
}

std::shared_ptr<MemoryFileSystem::Node> MemoryFileSystem::find(const std::string& path) const {
  const auto found = now_.find(path);
  return found == now_.end() ? nullptr : found->second;
}

std::uint64_t MemoryFileSystem::used() const {
  std::uint64_t sum = 0;
  for (const auto& [name, node] : now_) sum += node->now.size();
  return sum;
}

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::filesystem::path& path,
                                                     OpenMode mode) {
  const std::lock_guard lock(mutex_);
  const auto name = normal(path);
  TRIBUTARY_TRY(begin(Operation::open, name));
  auto node = find(name);
  if (mode == OpenMode::create) {
    if (node) return fail_with(EEXIST, name);
    if (!find(parent_of(name))) return fail_with(ENOENT, name);
    TRIBUTARY_TRY(begin(Operation::create, name));
    node = std::make_shared<Node>();
    change_name({"", name, node});
  }
  if (!node) return fail_with(ENOENT, name);
  if (node->directory) return fail_with(EISDIR, name);
  return std::make_unique<MemoryFile>(*this, std::move(node), name);
}

Result<std::vector<std::string>> MemoryFileSystem::list(const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  const auto path = normal(directory);
  TRIBUTARY_TRY(begin(Operation::list, path));
  const auto node = find(path);
  if (!node || !node->directory) return fail_with(ENOENT, path);
  std::vector<std::string> names;
  for (const auto& [name, child] : now_) {
    if (name != path && parent_of(name) == path) {
      names.push_back(std::filesystem::path(name).filename().string());
    }
  }
  return names;
}

Result<void> MemoryFileSystem::make_directories(const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  std::filesystem::path path;
  for (const auto& part : std::filesystem::path(normal(directory))) {
    path /= part;
    if (find(path.string())) continue;
    TRIBUTARY_TRY(begin(Operation::create, path.string()));
    auto node = std::make_shared<Node>();
    node->directory = true;
    change_name({"", path.string(), std::move(node)});
  }
  return {};
}

Result<void> MemoryFileSystem::remove(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  const auto name = normal(path);
  TRIBUTARY_TRY(begin(Operation::remove, name));
  if (!find(name)) return fail_with(ENOENT, name);
  change_name({name, "", nullptr});
  return {};
}

Result<void> MemoryFileSystem::rename(const std::filesystem::path& from,
                                      const std::filesystem::path& to) {
  const std::lock_guard lock(mutex_);
  const auto name = normal(from);
  TRIBUTARY_TRY(begin(Operation::rename, name));
  auto node = find(name);
  if (!node || !find(parent_of(normal(to)))) return fail_with(ENOENT, name);
  change_name({name, normal(to), std::move(node)});
  return {};
}

Result<void> MemoryFileSystem::sync_directory(const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  const auto path = normal(directory);
  TRIBUTARY_TRY(begin(Operation::sync_directory, path));
  if (!find(path)) return fail_with(ENOENT, path);
  std::erase_if(unsynced_, [&](const NameChange& change) {
    if (!concerns(change, path)) return false;
    apply(durable_, change);
    return true;
  });
  finish_change();
  return {};
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::lock(const std::filesystem::path& path) {
  const std::lock_guard guard(mutex_);
  const auto name = normal(path);
  TRIBUTARY_TRY(begin(Operation::open, name));
  if (!find(name)) change_name({"", name, std::make_shared<Node>()});
  if (!locked_.insert(name).second) return fail(errc::log_locked, name);
  return std::make_unique<MemoryFileLock>(*this, name);
}

void MemoryFileSystem::crash_after(std::uint64_t operations) {
  const std::lock_guard lock(mutex_);
  crash_at_ = mutations_ + operations;
}

bool MemoryFileSystem::crashed() const {
  const std::lock_guard lock(mutex_);
  return powerless();
}

std::uint64_t MemoryFileSystem::mutations() const {
  const std::lock_guard lock(mutex_);
  return mutations_;
}

void MemoryFileSystem::restart(Crash crash, std::mt19937_64& random) {
  const std::lock_guard lock(mutex_);
  ++epoch_;
  locked_.clear();
  failing_.clear();
  failing_count_ = 0;
  crash_at_ = ~std::uint64_t{0};
  if (crash == Crash::process) return;
  const auto kept = crash == Crash::drop   ? std::size_t{0}
                    : crash == Crash::tear ? random() % (unsynced_.size() + 1)
                                           : unsynced_.size();
  for (std::size_t i = 0; i < kept; ++i) apply(durable_, unsynced_[i]);
  unsynced_.clear();
  std::erase_if(durable_, [&](const auto& entry) {
    return entry.first != "/" && !durable_.contains(parent_of(entry.first));
  });
  for (auto& [name, node] : durable_) {
    if (crash == Crash::tear) tear(*node, random);
    if (crash == Crash::corrupt) corrupt(*node, random);
    node->unsynced.clear();
    node->now = node->durable;
  }
  now_ = durable_;
}

void MemoryFileSystem::tear(Node& node, std::mt19937_64& random) {
  const bool in_order = random() % 2 == 0;
  const auto chance = random() % 4;
  bool cut = false;
  for (const auto& change : node.unsynced) {
    if (change.truncation) {
      if (!cut) apply(node.durable, change);
      continue;
    }
    for (std::size_t at = 0; at < change.bytes.size();) {
      const auto offset = change.offset + at;
      const auto size =
          std::min<std::size_t>(kSectorSize - offset % kSectorSize, change.bytes.size() - at);
      const bool lost = random() % 4 <= chance;
      if (in_order ? !(cut = cut || lost) : !lost) {
        const auto from = change.bytes.begin() + static_cast<std::ptrdiff_t>(at);
        apply(node.durable, {false, offset, Bytes(from, from + static_cast<std::ptrdiff_t>(size))});
      } else if (in_order && size > 1 && random() % 2 == 0 && offset >= node.durable.size()) {
        // The file's size says how much of the last sector counts.
        const auto from = change.bytes.begin() + static_cast<std::ptrdiff_t>(at);
        const auto part = static_cast<std::ptrdiff_t>(random() % size);
        if (offset == node.durable.size())
          apply(node.durable, {false, offset, Bytes(from, from + part)});
        break;
      }
      at += size;
    }
  }
}

void MemoryFileSystem::corrupt(Node& node, std::mt19937_64& random) {
  for (auto& change : node.unsynced) {
    if (!change.truncation) {
      for (std::size_t i = 0; i < 1 + change.bytes.size() / 64; ++i) {
        change.bytes[static_cast<std::size_t>(random() % change.bytes.size())] =
            static_cast<std::byte>(random() & 0xFF);
      }
    }
    apply(node.durable, change);
  }
}

void MemoryFileSystem::fail_next(Operation operation, int error, int count) {
  const std::lock_guard lock(mutex_);
  failing_[operation] = {error, count};
}

void MemoryFileSystem::fail_calls(std::uint64_t first, std::uint64_t count, int error) {
  const std::lock_guard lock(mutex_);
  failing_first_ = first;
  failing_count_ = count;
  failing_error_ = error;
}

std::uint64_t MemoryFileSystem::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

void MemoryFileSystem::make_unreadable(const std::filesystem::path& path, std::uint64_t begin,
                                       std::uint64_t end) {
  const std::lock_guard lock(mutex_);
  const auto node = find(normal(path));
  CHECK(node != nullptr);
  node->unreadable_begin = begin;
  node->unreadable_end = end;
}

void MemoryFileSystem::mend() {
  const std::lock_guard lock(mutex_);
  failing_.clear();
  for (const auto& [name, node] : now_) node->unreadable_begin = node->unreadable_end = 0;
  failing_count_ = 0;
}

void MemoryFileSystem::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

Bytes MemoryFileSystem::contents(const std::filesystem::path& path) const {
  const std::lock_guard lock(mutex_);
  const auto node = find(normal(path));
  CHECK(node != nullptr);
  return node->now;
}

void MemoryFileSystem::put(const std::filesystem::path& path, Bytes bytes) {
  const std::lock_guard lock(mutex_);
  auto node = std::make_shared<Node>();
  node->now = node->durable = std::move(bytes);
  now_[normal(path)] = durable_[normal(path)] = std::move(node);
}

void MemoryFileSystem::flip(const std::filesystem::path& path, std::uint64_t offset,
                            unsigned bits) {
  auto bytes = contents(path);
  CHECK(offset < bytes.size());
  bytes[static_cast<std::size_t>(offset)] ^= static_cast<std::byte>(bits);
  put(path, std::move(bytes));
}

void MemoryFileSystem::shrink(const std::filesystem::path& path, std::uint64_t count) {
  auto bytes = contents(path);
  CHECK(count <= bytes.size());
  bytes.resize(bytes.size() - static_cast<std::size_t>(count));
  put(path, std::move(bytes));
}

void MemoryFileSystem::erase(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  now_.erase(normal(path));
  durable_.erase(normal(path));
}

bool MemoryFileSystem::exists(const std::filesystem::path& path) const {
  const std::lock_guard lock(mutex_);
  return find(normal(path)) != nullptr;
}

std::map<std::string, Bytes> MemoryFileSystem::snapshot() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Bytes> all;
  for (const auto& [name, node] : now_) all[name] = node->now;
  return all;
}

}  // namespace tributary::test
