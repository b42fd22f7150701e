#include "shared/http/cors.h"

#include <algorithm>

#include "shared/base/ascii.h"

namespace tributary {

bool is_origin(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos || scheme == 0) return false;
  const auto host = text.substr(scheme + 3);
  return !host.empty() && host.find_first_of("/?#@* ,\t") == std::string_view::npos &&
         std::ranges::none_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::optional<std::string> allowed_origin(const std::vector<std::string>& origins,
                                          std::optional<std::string_view> origin) {
  if (!origin) return std::nullopt;
  if (std::ranges::find(origins, "*") != origins.end()) return "*";
  const auto found = std::ranges::find(origins, *origin);
  if (found == origins.end()) return std::nullopt;
  return *found;
}

bool may_change(const HttpRequest& request, const std::vector<std::string>& origins) {
  const auto origin = request.header("Origin");
  if (!origin || allowed_origin(origins, origin)) return true;
  const auto scheme = origin->find("://");
  return scheme != std::string_view::npos &&
         equal_in_any_case(origin->substr(scheme + 3), request.header("Host").value_or(""));
}

HttpResponse preflight_answer(const std::string& methods) {
  HttpResponse response{.status = 204, .content_type = "", .body = {}, .headers = {}};
  response.headers.emplace_back("Allow", methods);
  response.headers.emplace_back("Access-Control-Allow-Methods", methods);
  response.headers.emplace_back("Access-Control-Allow-Headers",
                                "Authorization, Content-Type, Last-Event-ID, X-Request-Id");
  response.headers.emplace_back("Access-Control-Max-Age", "600");
  return response;
}

}  // namespace tributary
