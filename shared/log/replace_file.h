#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "shared/base/result.h"
#include "shared/io/file_system.h"

namespace tributary {

// The end of the names of files that are being made; whoever opens the directory removes them.
inline constexpr std::string_view kUnfinishedEnd = ".tmp";

// Makes the file `path`, or replaces it, in one step that is durable on return: at any crash there
// is the old file or the whole new one. `fill` writes it. After a failure either may be there, and
// which of them a crash would leave is unknown.
Result<std::shared_ptr<File>> replace_file(FileSystem& files, const std::filesystem::path& path,
                                           const std::function<Result<void>(File&)>& fill);

}  // namespace tributary
