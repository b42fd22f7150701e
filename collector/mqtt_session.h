#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/io/file_system.h"

namespace tributary::collector {

// What the broker keeps under our name outlives the process; the directory `data` has our side of
// it.

// The client id, made up at the first start: the broker keeps the session, and in it what is not
// acknowledged, under this name.
Result<std::string> mqtt_client_id(FileSystem& files, const std::filesystem::path& data);

// Keeps these filters beside all that were asked for in earlier runs, and gives those of them that
// aren't wanted any more.
Result<std::vector<std::string>> remember_filters(FileSystem& files,
                                                  const std::filesystem::path& data,
                                                  const std::vector<std::string>& wanted);

}  // namespace tributary::collector
