#include "shared/front/settings.h"

#include <string_view>

#include "shared/config/access.h"
#include "shared/http/tokens.h"

namespace tributary {
namespace {

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("[::1]") ||
         address.starts_with("localhost:");
}

}  // namespace

FrontSettings read_front(const Settings& http, std::vector<std::string> listen_absent,
                         HttpServerOptions& options) {
  options.listen = http.strings("listen", std::move(listen_absent));
  const bool insecure = http.boolean("insecure", false);
  const auto tokens = http.optional_string("tokens");
  if (tokens) {
    if (auto read = Tokens::read(*tokens)) {
      options.tokens = *std::move(read);
    } else {
      http.refuse("tokens", read.error().message());
    }
  }
  for (const auto& address : options.listen) {
    if (insecure || tokens || is_loopback(address)) continue;
    http.refuse("listen",
                address +
                    " can be reached from other machines, and nothing keeps them out: name a file "
                    "of tokens (http.tokens), listen on 127.0.0.1 only, or set http.insecure = "
                    "true if everybody there may do everything");
  }
  return {.token = read_secret(http, "token"), .access_log = http.boolean("access_log", true)};
}

}  // namespace tributary
