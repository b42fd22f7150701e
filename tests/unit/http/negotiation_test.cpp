#include "shared/http/negotiation.h"

#include <catch2/catch.hpp>

#include "shared/http/cors.h"
#include "shared/http/etag.h"
#include "shared/http/request_id.h"

using namespace tributary;
using http::accepts_gzip;

namespace {

HttpRequest with(const std::string& name, const std::string& value) {
  HttpRequest request;
  request.headers.emplace_back(name, value);
  return request;
}

}  // namespace

TEST_CASE("a request keeps the id that it comes with") {
  REQUIRE(request_id(with("x-request-id", "a.B_9:-")) == "a.B_9:-");
  REQUIRE(request_id(with("X-Request-Id", std::string(64, 'x'))) == std::string(64, 'x'));
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  REQUIRE(request_id(with("traceparent", "00-" + trace + "-00f067aa0ba902b7-01")) == trace);
  REQUIRE(request_id(with("traceparent", "01-" + trace + "-00f067aa0ba902b7-01-more")) == trace);
}

TEST_CASE("a request without a good id gets one of its own") {
  const std::string zeros(32, '0');
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  for (const auto& request :
       {HttpRequest{}, with("X-Request-Id", ""), with("X-Request-Id", std::string(65, 'x')),
        with("X-Request-Id", "a b"), with("X-Request-Id", "a\"b"),
        with("traceparent", "00-" + zeros + "-00f067aa0ba902b7-01"),
        with("traceparent", "00-" + trace + "-0000000000000000-01"),
        with("traceparent", "ff-" + trace + "-00f067aa0ba902b7-01"),
        with("traceparent", "00-" + trace + "-00f067aa0ba902b7-01-more"),
        with("traceparent", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
        with("traceparent", "00-" + trace)}) {
    const auto id = request_id(request);
    REQUIRE(id.size() == 32);
    REQUIRE(id != trace);
    REQUIRE(id != zeros);
    REQUIRE(id != request_id(request));
  }
}

TEST_CASE("gzip is for those who take it") {
  for (const auto* good : {"gzip", "GZIP", "deflate, gzip;q=0.5", "*", "br,*;q=0.1", "x-gzip",
                           "gzip ; q=1", "*;q=0, gzip"}) {
    INFO(good);
    REQUIRE(accepts_gzip(good));
  }
  for (const auto* bad :
       {"", "identity", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *", "gzipped", "br"}) {
    INFO(bad);
    REQUIRE_FALSE(accepts_gzip(bad));
  }
}

TEST_CASE("tags are compared weakly, in a list, or all by a star") {
  REQUIRE(names_etag("\"a\"", "\"a\""));
  REQUIRE(names_etag("W/\"a\"", "\"a\""));
  REQUIRE(names_etag("\"a\"", "W/\"a\""));
  REQUIRE(names_etag("\"x\", W/\"a,b\" ,\"y\"", "\"a,b\""));
  REQUIRE(names_etag("*", "\"a\""));
  REQUIRE_FALSE(names_etag("\"a\"", "\"b\""));
  REQUIRE_FALSE(names_etag("\"x,\"a\"", "\"a,b\""));
  REQUIRE_FALSE(names_etag("a", "\"a\""));
  REQUIRE_FALSE(names_etag("\"a", "\"a"));
  REQUIRE_FALSE(names_etag("", "\"a\""));
}

TEST_CASE("a strong tag follows the content") {
  REQUIRE(strong_etag("a") == strong_etag("a"));
  REQUIRE(strong_etag("a") != strong_etag("b"));
  REQUIRE(strong_etag("").size() == 34);
  REQUIRE(weak_etag("\"a\"") == "W/\"a\"");
  REQUIRE(weak_etag("W/\"a\"") == "W/\"a\"");
}

TEST_CASE("an origin is allowed by its name or by a star") {
  REQUIRE(allowed_origin({"https://a.org"}, "https://a.org") == "https://a.org");
  REQUIRE(allowed_origin({"*"}, "https://a.org") == "*");
  REQUIRE_FALSE(allowed_origin({"https://a.org"}, "https://a.org.evil.example"));
  REQUIRE_FALSE(allowed_origin({"https://a.org"}, "http://a.org"));
  REQUIRE_FALSE(allowed_origin({"https://a.org"}, "null"));
  REQUIRE_FALSE(allowed_origin({"*"}, std::nullopt));
  REQUIRE(is_origin("https://a.org:8443"));
  for (const auto* bad : {"a.org", "https://", "https://a.org/", "https://A.org", "https://*.org"})
    REQUIRE_FALSE(is_origin(bad));
}
