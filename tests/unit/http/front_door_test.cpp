// What the server does for every route: tokens, request ids, forms of an answer, CORS.

#include <sys/stat.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "shared/base/id.h"
#include "shared/http/etag.h"
#include "shared/http/gzip.h"
#include "shared/http/server.h"
#include "shared/http/tokens.h"
#include "tests/unit/http/client.h"

using namespace tributary;
using tributary::test::Client;
using tributary::test::Reply;

namespace {

// Of an answer, kept.
struct Line {
  std::string id, method, path, route, client, token;
  int status;
  std::uint64_t bytes;
  bool whole;
};

const std::string kLong = std::string(100'000, 'x') + "the end";

// A server with a route of each kind, and what it told.
class Door {
 public:
  explicit Door(HttpServerOptions options = {}) : server_(prepared(std::move(options), *this)) {
    const auto respond = [](std::string body) {
      return [body = std::move(body)](HttpRequest, HttpResponder responder) {
        responder.respond({.status = 200,
                           .content_type = "text/plain",
                           .body = body,
                           .headers = {{"ETag", strong_etag(body)}}});
      };
    };
    server_.route({.method = "GET", .pattern = "/short"}, HttpHandler(respond("short")));
    server_.route({.method = "GET", .pattern = "/long"}, HttpHandler(respond(kLong)));
    server_.route({.method = "GET", .pattern = "/open"},
                  [](HttpRequest request, HttpResponder responder) {
                    responder.respond({200, "text/plain", request.id + '|' + request.token, {}});
                  });
    server_.route({.method = "GET", .pattern = "/query/{name}", .scope = "query"},
                  [](HttpRequest request, HttpResponder responder) {
                    responder.respond({200, "text/plain", request.token, {}});
                  });
    server_.route({.method = "GET", .pattern = "/stream"},
                  HttpHandler([](const HttpRequest&, HttpResponder responder) {
                    responder.stream({200, "application/x-ndjson", {}, {{"ETag", "\"s\""}}},
                                     [left = 20]() mutable -> std::optional<std::string> {
                                       return left-- > 0 ? std::string(5000, 'y') : "";
                                     });
                  }));
    server_.route(
        {.method = "GET", .pattern = "/feed"},
        HttpHandler([](const HttpRequest&, HttpResponder responder) {
          responder.feed({200, "text/event-stream", {}, {}}, 1 << 20).send(std::string(5000, 'z'));
        }));
    REQUIRE(server_.start());
  }

  Reply get(const std::string& path, const std::string& fields = "",
            const std::string& method = "GET") {
    Client client(server_.addresses().front());
    REQUIRE(client.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"));
    return client.reply(method == "HEAD");
  }
  HttpServer& server() { return server_; }
  std::vector<Line> lines() {
    server_.stop();
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::size_t refused(HttpRefusal reason) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count(refused_, reason));
  }

 private:
  static HttpServerOptions prepared(HttpServerOptions options, Door& door) {
    options.listen = {"127.0.0.1:0"};
    options.on_answered = [&door](const HttpAnswered& a) {
      const std::lock_guard lock(door.mutex_);
      door.lines_.push_back({.id = std::string(a.request_id),
                             .method = std::string(a.method),
                             .path = std::string(a.path),
                             .route = a.route == nullptr ? "" : a.route->pattern,
                             .client = std::string(a.client),
                             .token = std::string(a.token),
                             .status = a.status,
                             .bytes = a.bytes,
                             .whole = a.whole});
    };
    options.on_refused = [&door](HttpRefusal reason) {
      const std::lock_guard lock(door.mutex_);
      door.refused_.push_back(reason);
    };
    return options;
  }

  std::mutex mutex_;
  std::vector<Line> lines_;
  std::vector<HttpRefusal> refused_;
  HttpServer server_;
};

std::string gunzipped(const std::string& bytes) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string text(1U << 20, '\0');
  std::string input = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  REQUIRE(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  text.resize(text.size() - stream.avail_out);
  inflateEnd(&stream);
  return text;
}

HttpServerOptions with_gzip() {
  HttpServerOptions options;
  options.gzip = make_gzip;
  return options;
}

HttpServerOptions with_origins(std::vector<std::string> origins) {
  HttpServerOptions options;
  options.cors_origins = std::move(origins);
  return options;
}

HttpServerOptions with_tokens() {
  const auto path = std::filesystem::temp_directory_path() / ("tokens-" + Id::random().text());
  // The hashes of "query-token" and "ingest-token".
  std::ofstream(path)
      << "analyst query sha256:04e4a068a9c0132ba2f4b8462cadadc6bf60da54c7661d145202c68c7f689223\n"
      << "gateway ingest sha256:d6d21e6d4a9c969670e67b5ea4b746242a23ad9ec2e8eb78c8d36f577f00581e\n";
  ::chmod(path.c_str(), 0600);
  HttpServerOptions options;
  options.tokens = *Tokens::read(path);
  std::filesystem::remove(path);
  return options;
}

}  // namespace

TEST_CASE("a route with a scope asks for a token that has it, an open one for none") {
  Door door(with_tokens());
  REQUIRE(door.get("/open").status == 200);
  const auto missing = door.get("/query/a");
  REQUIRE(missing.status == 401);
  REQUIRE(missing.headers.at("content-type") == "application/problem+json");
  REQUIRE(missing.headers.at("www-authenticate") == R"(Bearer realm="tributary")");
  const auto wrong = door.get("/query/a", "Authorization: Bearer query-tokem\r\n");
  REQUIRE(wrong.status == 401);
  REQUIRE(wrong.headers.at("www-authenticate") ==
          R"(Bearer realm="tributary", error="invalid_token")");
  REQUIRE(wrong.body.find("query-tokem") == std::string::npos);
  const auto other = door.get("/query/a", "Authorization: Bearer ingest-token\r\n");
  REQUIRE(other.status == 403);
  REQUIRE(other.body.find("scope query") != std::string::npos);
  const auto right = door.get("/query/a", "Authorization: Bearer query-token\r\n");
  REQUIRE(right.status == 200);
  REQUIRE(right.body == "analyst");
  REQUIRE(door.get("/query/a", "", "HEAD").status == 401);
  REQUIRE(door.get("/nowhere").status == 404);

  const auto lines = door.lines();
  REQUIRE(std::ranges::count(lines, "analyst", &Line::token) == 1);
  REQUIRE(std::ranges::count(lines, "gateway", &Line::token) == 1);  // known, though not let in
}

TEST_CASE("without a file of tokens nobody is asked for one") {
  Door door;
  REQUIRE(door.get("/query/a").status == 200);
}

TEST_CASE("each answer says what its request is called, and so does each line of the log") {
  Door door;
  REQUIRE(door.get("/open", "X-Request-Id: mine-1\r\n").headers.at("x-request-id") == "mine-1");
  REQUIRE(door.get("/open", "X-Request-Id: mine-1\r\n").body == "mine-1|");
  REQUIRE(door.get("/nowhere", "X-Request-Id: mine-2\r\n").headers.at("x-request-id") == "mine-2");
  REQUIRE(door.get("/%zz", "X-Request-Id: mine-3\r\n").headers.at("x-request-id") == "mine-3");
  REQUIRE(door.get("/stream", "X-Request-Id: mine-4\r\n").headers.at("x-request-id") == "mine-4");
  const auto made = door.get("/query/a?b=private").headers.at("x-request-id");
  REQUIRE(made.size() == 32);

  const auto lines = door.lines();
  REQUIRE(lines.size() == 6);
  const auto line = std::ranges::find(lines, made, &Line::id);
  REQUIRE(line != lines.end());
  REQUIRE(line->method == "GET");
  REQUIRE(line->path == "/query/a");
  REQUIRE(line->route == "/query/{name}");
  REQUIRE(line->client == "127.0.0.1");
  REQUIRE(line->status == 200);
  REQUIRE(line->whole);
  const auto nowhere = std::ranges::find(lines, "mine-2", &Line::id);
  REQUIRE(nowhere->status == 404);
  REQUIRE(nowhere->route.empty());
  REQUIRE(std::ranges::find(lines, "mine-3", &Line::id)->path == "/%zz");
  REQUIRE(std::ranges::find(lines, "mine-4", &Line::id)->bytes == 100'000);
}

TEST_CASE("an answer that its client left is told as broken off") {
  Door door;
  {
    Client client(door.server().addresses().front());
    client.shrink_receive_buffer();
    REQUIRE(client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
    // Reset: there are bytes that nobody read.
    REQUIRE(client.receive(1).size() == 1);
  }
  REQUIRE(door.get("/short").status == 200);
  const auto lines = door.lines();
  const auto line = std::ranges::find(lines, "/stream", &Line::path);
  REQUIRE(line != lines.end());
  // The kernel may have taken all of it before the client left.
  REQUIRE((line->bytes == 100'000 || !line->whole));
}

TEST_CASE("what can't be read is counted") {
  Door door;
  Client client(door.server().addresses().front());
  REQUIRE(client.request("NONSENSE\r\n\r\n").status == 400);
  REQUIRE(door.refused(HttpRefusal::unreadable) == 1);
  REQUIRE(door.lines().empty());
}

TEST_CASE("long answers are compressed for those who take it") {
  Door door(with_gzip());
  const auto plain = door.get("/long");
  REQUIRE(plain.body == kLong);
  REQUIRE_FALSE(plain.headers.contains("content-encoding"));
  REQUIRE(plain.headers.at("vary") == "Accept-Encoding");
  const auto packed = door.get("/long", "Accept-Encoding: gzip\r\n");
  REQUIRE(packed.headers.at("content-encoding") == "gzip");
  REQUIRE(packed.headers.at("vary") == "Accept-Encoding");
  REQUIRE(packed.body.size() < 1000);
  REQUIRE(gunzipped(packed.body) == kLong);
  REQUIRE_FALSE(
      door.get("/long", "Accept-Encoding: gzip;q=0\r\n").headers.contains("content-encoding"));
  const auto tiny = door.get("/short", "Accept-Encoding: gzip\r\n");
  REQUIRE_FALSE(tiny.headers.contains("content-encoding"));
  REQUIRE_FALSE(tiny.headers.contains("vary"));
  const auto head = door.get("/long", "Accept-Encoding: gzip\r\n", "HEAD");
  REQUIRE(head.headers.at("content-encoding") == "gzip");
  REQUIRE(head.headers.at("content-length") == packed.headers.at("content-length"));
}

TEST_CASE("a stream is compressed piece by piece, a feed not at all") {
  Door door(with_gzip());
  const auto packed = door.get("/stream", "Accept-Encoding: gzip\r\n");
  REQUIRE(packed.whole);
  REQUIRE(packed.headers.at("content-encoding") == "gzip");
  REQUIRE(gunzipped(packed.body) == std::string(100'000, 'y'));
  const auto old = Client(door.server().addresses().front())
                       .request("GET /stream HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
  REQUIRE(gunzipped(old.body) == std::string(100'000, 'y'));
  const auto feed = door.get("/feed", "Accept-Encoding: gzip\r\n");
  REQUIRE_FALSE(feed.headers.contains("content-encoding"));
  REQUIRE(feed.body == std::string(5000, 'z'));
  for (const auto& line : door.lines()) {
    if (line.path == "/stream") REQUIRE(line.bytes < 10'000);
  }
}

TEST_CASE("what the client has already is not sent again") {
  Door door(with_gzip());
  const auto etag = door.get("/long").headers.at("etag");
  const auto same = door.get("/long", "If-None-Match: " + etag + "\r\n");
  REQUIRE(same.status == 304);
  REQUIRE(same.body.empty());
  REQUIRE(same.headers.at("etag") == etag);
  REQUIRE_FALSE(same.headers.contains("content-length"));
  REQUIRE_FALSE(same.headers.contains("content-type"));
  REQUIRE(door.get("/long", "If-None-Match: \"other\"\r\n").status == 200);
  REQUIRE(door.get("/long", "If-None-Match: *\r\n", "HEAD").status == 304);
  REQUIRE(door.get("/stream", "If-None-Match: \"s\"\r\n").status == 304);

  // Compressed it has other bytes, so the tag is a weak one.
  const auto weak = door.get("/long", "Accept-Encoding: gzip\r\n").headers.at("etag");
  REQUIRE(weak == "W/" + etag);
  const auto packed = door.get("/long", "Accept-Encoding: gzip\r\nIf-None-Match: " + weak + "\r\n");
  REQUIRE(packed.status == 304);
  REQUIRE(packed.headers.at("etag") == weak);
  REQUIRE_FALSE(packed.headers.contains("content-encoding"));
}

TEST_CASE("a connection goes on after a 304 and a 204") {
  Door door(with_origins({"*"}));
  Client client(door.server().addresses().front());
  REQUIRE(client.send("GET /stream HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n"));
  REQUIRE(client.reply(true).status == 304);
  REQUIRE(client.send("OPTIONS /open HTTP/1.1\r\nHost: x\r\n\r\n"));
  REQUIRE(client.reply().status == 204);
  REQUIRE(client.request("GET /short HTTP/1.1\r\nHost: x\r\n\r\n").body == "short");
}

TEST_CASE("pages of the origins named may call, others not") {
  Door door(with_origins({"https://a.org"}));
  const std::string asks = "Access-Control-Request-Method: GET\r\n";
  const auto preflight = door.get("/query/x", "Origin: https://a.org\r\n" + asks, "OPTIONS");
  REQUIRE(preflight.status == 204);
  REQUIRE(preflight.headers.at("access-control-allow-origin") == "https://a.org");
  REQUIRE(preflight.headers.at("access-control-allow-methods") == "GET, HEAD");
  REQUIRE(preflight.headers.at("access-control-allow-headers") ==
          "Authorization, Content-Type, Last-Event-ID, X-Request-Id");
  REQUIRE(preflight.headers.contains("access-control-max-age"));
  const auto answer = door.get("/short", "Origin: https://a.org\r\n");
  REQUIRE(answer.headers.at("access-control-allow-origin") == "https://a.org");
  REQUIRE(answer.headers.at("access-control-expose-headers") ==
          "ETag, Link, Retry-After, X-Request-Id");
  REQUIRE(answer.headers.at("vary") == "Origin");
  for (const std::string fields : {"Origin: https://b.org\r\n", ""}) {
    const auto other = door.get("/short", fields);
    REQUIRE(other.status == 200);
    REQUIRE(other.headers.at("vary") == "Origin");
    REQUIRE_FALSE(other.headers.contains("access-control-allow-origin"));
  }
  REQUIRE(door.get("/nowhere", "Origin: https://a.org\r\n" + asks, "OPTIONS").status == 404);
}

TEST_CASE("a preflight needs no token, and an answer without one can be read by the page") {
  auto options = with_tokens();
  options.cors_origins = {"*"};
  Door door(std::move(options));
  const auto preflight = door.get("/query/x", "Origin: https://a.org\r\n", "OPTIONS");
  REQUIRE(preflight.status == 204);
  REQUIRE(preflight.headers.at("access-control-allow-origin") == "*");
  const auto refused = door.get("/query/x", "Origin: https://a.org\r\n");
  REQUIRE(refused.status == 401);
  REQUIRE(refused.headers.at("access-control-allow-origin") == "*");
  REQUIRE_FALSE(refused.headers.contains("vary"));
}

TEST_CASE("without CORS no page may call, and OPTIONS is a method like others") {
  Door door;
  const auto options = door.get("/short", "Origin: https://a.org\r\n", "OPTIONS");
  REQUIRE(options.status == 405);
  REQUIRE(options.headers.at("allow") == "GET, HEAD");
  REQUIRE_FALSE(door.get("/short", "Origin: https://a.org\r\n")
                    .headers.contains("access-control-allow-origin"));
}

TEST_CASE("requests sent ahead are answered in their order; a bad one among them ends it") {
  Door door;
  Client client(door.server().addresses().front());
  const std::string shorts = "GET /short HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string streams = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
  REQUIRE(client.send(shorts + streams + shorts + "GARBAGE\r\n\r\n" + shorts));
  REQUIRE(client.reply().body == "short");
  REQUIRE(client.reply().body.size() == 100'000);
  REQUIRE(client.reply().body == "short");
  REQUIRE(client.reply().status == 400);
  REQUIRE(client.closed_by_server());
}
