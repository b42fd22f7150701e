#pragma once

#include <string>

#include "shared/config/settings.h"

namespace tributary {

// What `key` says, or the first line of the file that `<key>_file` names. A secret on the command
// line is refused: other users of the machine can see it.
std::string read_secret(const Settings& table, const std::string& key);
// `password` or `password_file`.
std::string read_password(const Settings& table);

// A URL as messages may show it: "scheme://user:password@host" without what stands before the '@',
// and without the value of a password in its query.
std::string without_credentials(const std::string& url);

// The path of a file, refused when the file can't be read; empty when the key is absent.
std::string read_file_path(const Settings& table, const std::string& key);

}  // namespace tributary
