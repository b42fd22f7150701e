#include "shared/log/damaged_store.h"

#include <algorithm>

#include "shared/base/bytes.h"
#include "shared/log/replace_file.h"

namespace tributary {
namespace {

constexpr std::size_t kChunkSize = 64U << 10;

Result<std::uint64_t> size_of(FileSystem& files, const std::filesystem::path& path) {
  TRIBUTARY_ASSIGN(const auto file, files.open(path, OpenMode::read));
  return file->size();
}

Result<void> copy(const File& from, std::uint64_t offset, std::uint64_t size, File& to) {
  Bytes chunk(static_cast<std::size_t>(std::min<std::uint64_t>(kChunkSize, size)));
  for (std::uint64_t done = 0; done < size;) {
    const auto piece = std::span(chunk).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), size - done)));
    TRIBUTARY_ASSIGN(const auto count, from.read(offset + done, piece));
    if (count == 0) break;
    TRIBUTARY_TRY(to.write(done, piece.first(count)));
    done += count;
  }
  return {};
}

}  // namespace

Result<void> DamagedStore::prepare() {
  if (prepared_) return {};
  TRIBUTARY_TRY(files_.make_directories(directory_));
  TRIBUTARY_TRY(files_.sync_directory(log_directory_));
  TRIBUTARY_ASSIGN(const auto names, files_.list(directory_));
  size_ = 0;
  for (const auto& name : names) size_ += size_of(files_, directory_ / name).value_or(0);
  prepared_ = true;
  return {};
}

Result<void> DamagedStore::keep(const std::string& name, std::uint64_t offset, std::uint64_t size) {
  const MutexLock lock(mutex_);
  TRIBUTARY_TRY(prepare());
  const auto path = directory_ / (name + "." + std::to_string(offset));
  if (size_of(files_, path).value_or(0) == size) return {};
  if (size_ + size > kSizeMax) {
    return fail(errc::too_large,
                directory_.string() + " is full: empty it to keep what is damaged");
  }
  TRIBUTARY_ASSIGN(const auto file, files_.open(log_directory_ / name, OpenMode::read));
  auto kept = replace_file(files_, path, [&](File& to) { return copy(*file, offset, size, to); });
  if (!kept) return std::unexpected(std::move(kept).error());
  size_ += size;
  return {};
}

Result<void> DamagedStore::move(const std::string& name) {
  const MutexLock lock(mutex_);
  TRIBUTARY_TRY(prepare());
  const auto from = log_directory_ / name;
  const auto size = size_of(files_, from).value_or(0);
  auto to = directory_ / name;
  for (int number = 1; files_.open(to, OpenMode::read); ++number) {
    to = directory_ / (name + "-" + std::to_string(number));
  }
  TRIBUTARY_TRY(files_.rename(from, to));
  size_ += size;
  TRIBUTARY_TRY(files_.sync_directory(directory_));
  return files_.sync_directory(log_directory_);
}

}  // namespace tributary
