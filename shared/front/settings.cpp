#include "shared/front/settings.h"

#include <set>
#include <string_view>

#include "shared/config/access.h"
#include "shared/http/tokens.h"

namespace tributary {

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
  std::set<std::string_view> seen;
  for (const auto& address : options.listen) {
    const auto reach = reach_of(address);
    if (!reach) {
      http.refuse("listen",
                  "\"" + address + "\" is no address: write it as 127.0.0.1:8000 or [::1]:8000");
    } else if (!seen.insert(address).second && !address.ends_with(":0")) {
      http.refuse("listen", "has " + address + " twice");
    }
    if (insecure || tokens || reach != Reach::others_too) continue;
    http.refuse("listen",
                address +
                    " can be reached from other machines, and nothing keeps them out: name a file "
                    "of tokens (http.tokens), listen on 127.0.0.1 only, or set http.insecure = "
                    "true if everybody there may do everything");
  }
  return {.token = read_secret(http, "token"), .access_log = http.boolean("access_log", true)};
}

}  // namespace tributary
