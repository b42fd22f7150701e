#include "shared/log/replace_file.h"

#include <tuple>

namespace tributary {
namespace {

Result<std::shared_ptr<File>> make(FileSystem& files, const std::filesystem::path& unfinished,
                                   const std::filesystem::path& path,
                                   const std::function<Result<void>(File&)>& fill) {
  auto made = files.open(unfinished, OpenMode::create);
  if (!made && made.error().code() == std::errc::file_exists) {
    // An earlier try failed, and could not even clear away behind itself.
    TRIBUTARY_TRY(files.remove(unfinished));
    made = files.open(unfinished, OpenMode::create);
  }
  if (!made) return std::unexpected(std::move(made).error());
  std::shared_ptr<File> file = std::move(*made);
  TRIBUTARY_TRY(fill(*file));
  TRIBUTARY_TRY(file->sync());
  TRIBUTARY_TRY(files.rename(unfinished, path));
  TRIBUTARY_TRY(files.sync_directory(path.parent_path()));
  return file;
}

}  // namespace

Result<std::shared_ptr<File>> replace_file(FileSystem& files, const std::filesystem::path& path,
                                           const std::function<Result<void>(File&)>& fill) {
  auto unfinished = path;
  unfinished += kUnfinishedEnd;
  auto file = make(files, unfinished, path, fill);
  if (!file) {
    // Out of the way of the next try; it isn't there when the rename had succeeded.
    std::ignore = files.remove(unfinished);
  }
  return file;
}

}  // namespace tributary
