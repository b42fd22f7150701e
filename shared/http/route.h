#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tributary {

struct HttpRequest;
enum class HttpLane : std::size_t {};

struct HttpParameter {
  std::string name;
  std::string description;
  std::string schema = R"({"type":"string"})";  // JSON Schema, as JSON
  bool required = false;
  std::string in = "query";  // or "header"
};

// A body of one media type.
struct HttpContent {
  std::string type = "application/json";
  std::string schema = "true";  // JSON Schema, as JSON
};

// {"type": "object", …} with these members (name, JSON Schema), all of them required.
std::string object_schema(const std::vector<std::pair<std::string_view, std::string>>& members);
// What problem() makes; its schema is the component `Problem`.
HttpContent problem_content();

struct HttpAnswer {
  int status = 200;
  std::string description;
  std::vector<HttpContent> content{};  // none: no body
};

// What a route takes and answers, for those who call it: OpenAPI is made of it. `{name}` in a text
// stands for the part of the path that the pattern captures under this name.
struct HttpOperation {
  std::string id;  // one word, unique with the method
  std::string summary;
  std::string description{};
  std::vector<HttpParameter> parameters{};
  std::vector<HttpContent> body{};
  bool body_required = true;  // where there can be one
  // Beside what the server answers by itself: 304 (to a response with an ETag), 400, 401, 403, 404,
  // 413, 414, 431, 500, 503.
  std::vector<HttpAnswer> answers{};
};

// One call that the server takes.
struct HttpRoute {
  // Where its handler runs. On an I/O thread of the server it must not block, but hand the
  // responder on. On a worker thread it may: when too many requests wait for one, the answer is
  // 503. What must be answered soon while every worker is busy (health, metrics) has one thread of
  // its own.
  enum class Runs { on_io_thread, on_worker, on_status_thread };

  std::string method;
  std::string pattern;  // "/ingest/{pipeline}": a part in braces matches one segment
  Runs runs = Runs::on_io_thread;
  // Of a route whose handler runs on a worker: whose workers, of those that HttpServer::add_lane()
  // gave. Without it: those of all other such routes.
  std::function<HttpLane(const HttpRequest&)> lane{};
  // What a token must allow, where the server asks for one; empty: the route is open to everyone.
  std::string scope{};
  HttpOperation operation{};
};

}  // namespace tributary
