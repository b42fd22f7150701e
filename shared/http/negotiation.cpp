#include "shared/http/negotiation.h"

#include <algorithm>
#include <array>

#include "shared/base/ascii.h"
#include "shared/http/cors.h"
#include "shared/http/etag.h"
#include "shared/http/request_id.h"

namespace tributary::http {
namespace {

// What is smaller fits a packet anyway.
constexpr std::size_t kGzipSizeMin = 1024;

// Takes what stands before `separator` from the front.
std::string_view take(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part);
}

// "q=0", "q=0.000"
bool is_refusal(std::string_view parameter) {
  if (!equal_in_any_case(parameter.substr(0, 2), "q=")) return false;
  return trimmed(parameter.substr(2)).find_first_not_of("0.") == std::string_view::npos;
}

bool is_compressible(std::string_view content_type) {
  constexpr std::array<std::string_view, 5> kTypes{"application/json", "application/x-ndjson",
                                                   "application/problem+json",
                                                   "application/javascript", "image/svg+xml"};
  const auto type = take(content_type, ';');
  return type.starts_with("text/") || std::ranges::find(kTypes, type) != kTypes.end();
}

std::string* find(HttpResponse& response, std::string_view name) {
  const auto found = std::ranges::find_if(
      response.headers, [&](const auto& field) { return equal_in_any_case(field.first, name); });
  return found == response.headers.end() ? nullptr : &found->second;
}

void vary(HttpResponse& response, std::string_view by) {
  if (auto* const fields = find(response, "Vary")) {
    fields->append(", ").append(by);
  } else {
    response.headers.emplace_back("Vary", by);
  }
}

void allow_origin(HttpResponse& response, const Wishes& wishes, const HttpServerOptions& options) {
  const auto& origins = options.cors_origins;
  if (origins.empty()) return;
  if (std::ranges::find(origins, "*") == origins.end()) vary(response, "Origin");
  if (!wishes.allowed_origin) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", *wishes.allowed_origin);
  response.headers.emplace_back("Access-Control-Expose-Headers",
                                "ETag, Link, Retry-After, X-Request-Id");
}

bool may_compress(HttpResponse& response, Body body, const HttpServerOptions& options) {
  return options.gzip && body != Body::feed &&
         (body == Body::pieces || response.body.size() >= kGzipSizeMin) &&
         is_compressible(response.content_type) && find(response, "Content-Encoding") == nullptr;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  bool any = false;
  while (!accept_encoding.empty()) {
    auto element = take(accept_encoding, ',');
    const auto coding = take(element, ';');
    const bool allowed = !is_refusal(trimmed(element));
    if (equal_in_any_case(coding, "gzip") || equal_in_any_case(coding, "x-gzip")) return allowed;
    if (coding == "*") any = allowed;
  }
  return any;
}

Wishes Wishes::of(const HttpRequest& request, const HttpServerOptions& options) {
  Wishes wishes;
  wishes.request_id = tributary::request_id(request);
  if (request.method == "GET" || request.method == "HEAD")
    wishes.if_none_match = request.header("If-None-Match");
  if (options.gzip)
    wishes.accepts_gzip = http::accepts_gzip(request.header("Accept-Encoding").value_or(""));
  if (!options.cors_origins.empty())
    wishes.allowed_origin =
        tributary::allowed_origin(options.cors_origins, request.header("Origin"));
  return wishes;
}

Form negotiate(HttpResponse& response, Body body, const Wishes& wishes,
               const HttpServerOptions& options) {
  response.headers.emplace_back("X-Request-Id", wishes.request_id);
  allow_origin(response, wishes, options);
  if (response.status == 204 || response.status == 304) return Form::none;

  auto form = Form::plain;
  if (may_compress(response, body, options)) {
    vary(response, "Accept-Encoding");
    if (wishes.accepts_gzip) form = Form::gzip;
  }
  if (auto* const etag = find(response, "ETag")) {
    // Other bytes, but the same content.
    if (form == Form::gzip) *etag = weak_etag(*etag);
    if (response.status == 200 && wishes.if_none_match &&
        names_etag(*wishes.if_none_match, *etag)) {
      response.status = 304;
      response.content_type.clear();
      return Form::none;
    }
  }
  if (form == Form::gzip) response.headers.emplace_back("Content-Encoding", "gzip");
  return form;
}

}  // namespace tributary::http
