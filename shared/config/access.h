#pragma once

#include <string>
#include <vector>

#include "shared/config/settings.h"

namespace tributary {

// `password`, or the first line of `password_file`. A password on the command line is refused:
// other users of the machine can see it.
std::string read_password(const Settings& table);

// A URL as messages may show it: "scheme://user:password@host" without what stands before the '@'.
std::string without_credentials(const std::string& url);

// `listen`. Addresses that other machines can reach are refused unless `insecure = true`.
std::vector<std::string> read_listen(const Settings& http, std::vector<std::string> absent);

// The path of a file, refused when the file can't be read; empty when the key is absent.
std::string read_file_path(const Settings& table, const std::string& key);

}  // namespace tributary
