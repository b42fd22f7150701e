#pragma once

#include <string>
#include <vector>

#include "shared/config/settings.h"
#include "shared/http/server.h"

namespace tributary {

// What [http] says in both programs.
struct FrontSettings {
  std::string token;       // `token`, or the first line of `token_file`: of our own commands
  bool access_log = true;  // `access_log`
};

// Reads `listen`, `insecure`, `tokens` and the settings above. Into `options` go the addresses and
// the tokens. Refused: a file of tokens with a mistake, what is no address, and, without tokens and
// without `insecure`, an address that other machines can reach.
FrontSettings read_front(const Settings& http, std::vector<std::string> listen_absent,
                         HttpServerOptions& options);

}  // namespace tributary
