#include "shared/front/health_command.h"

#include <cstdio>

#include "shared/http/client.h"

namespace tributary {

Command health_command() {
  return {.name = "health", .description = "ask the running program whether every part is up"};
}

int run_health(const std::vector<std::string>& listen, const char* program) {
  if (listen.empty()) {
    std::fprintf(stderr, "%s: http.listen is empty: the running program can't be asked\n", program);
    return kExitFailed;
  }
  const auto answer = http_get(listen.front(), "/health");
  if (!answer) {
    std::fprintf(stderr, "%s: %s\n", program, answer.error().message().c_str());
    return kExitFailed;
  }
  std::printf("%s\n", answer->c_str());
  return kExitOk;
}

}  // namespace tributary
