#pragma once

// Internal to shared/http.

#include <memory>
#include <optional>
#include <string>

#include "shared/http/server.h"

namespace tributary::http {

// What a request says of the form of its answer.
struct Wishes {
  static Wishes of(const HttpRequest& request, const HttpServerOptions& options);

  std::string request_id;
  std::optional<std::string> if_none_match;  // of GET and HEAD
  bool accepts_gzip = false;
  std::optional<std::string> allowed_origin;
};

// How the body goes out.
enum class Form { plain, gzip, none };
enum class Body { whole, pieces, feed };

// Decides it, and makes the fields of `response` say it: request id, CORS, Vary, ETag. A tag that
// the client has already makes a 304 of it, `none`.
Form negotiate(HttpResponse& response, Body body, const Wishes& wishes,
               const HttpServerOptions& options);

// Whether an Accept-Encoding allows gzip (RFC 9110, 12.5.3).
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace tributary::http
