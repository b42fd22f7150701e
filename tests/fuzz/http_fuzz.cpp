// Sends any request to the collector's routes: ingest, queries, account, dead letters, status.
//
// Input: "METHOD target", header lines, an empty line, the body; lines end with \n.

#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "collector/api/dead_letters.h"
#include "collector/api/operations.h"
#include "collector/api/query.h"
#include "collector/ingest/http_ingest.h"
#include "shared/base/check.h"
#include "tests/fuzz/direct_http_server.h"
#include "tests/fuzz/pipelines.h"

using namespace tributary;
using namespace tributary::collector;
using nlohmann::json;

namespace {

constexpr int kInputsEach = 500;  // then everything is made anew: streams fill

struct Request {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

Request read_request(std::string_view text) {
  Request request;
  const auto first = take_line(text);
  const auto space = std::min(first.find(' '), first.size());
  request.method = first.substr(0, space);
  request.target = first.substr(std::min(space + 1, first.size()));
  for (auto line = take_line(text); !line.empty(); line = take_line(text)) {
    const auto colon = std::min(line.find(':'), line.size());
    auto value = line.substr(std::min(colon + 1, line.size()));
    while (value.starts_with(' ')) value.remove_prefix(1);
    request.headers.emplace_back(line.substr(0, colon), value);
  }
  request.body = text;
  return request;
}

// A collector without network.
class Collector {
 public:
  Collector() {
    const auto& all = pipelines_.all();
    register_queries(server_, all);
    register_operations(server_, all, health_, metrics_);
    ingest_ = HttpIngest::start(http_, all, server_, pipelines_.clock(), metrics_);
    health_.add("part", [] { return HealthCheck{}; });
  }

  void check(const Request& request) {
    const auto before = pipelines_.count();
    const auto answer =
        fuzz::request(server_, request.method, request.target, request.headers, request.body);
    CHECK(answer.status >= 200 && (answer.status < 500 || answer.status == 503));
    check_body(answer);
    // What a replay appends depends on what was rejected before.
    if (answer.status == 503 || request.target.find("/replay") != std::string::npos) return;
    const auto after = pipelines_.count();
    const auto taken = taken_by(answer);
    CHECK(after.records - before.records == taken.records);
    CHECK(after.rejected - before.rejected == taken.rejected);
  }

 private:
  static void check_body(const HttpResponse& answer) {
    if (answer.status >= 400) {
      CHECK(answer.content_type == "application/problem+json");
      const auto problem = json::parse(answer.body);
      CHECK(problem.at("status") == answer.status);
      CHECK(problem.at("title").is_string() && !problem.at("detail").get<std::string>().empty());
    } else if (answer.content_type == "application/json") {
      CHECK(json::accept(answer.body));
    } else if (answer.content_type == "application/x-ndjson") {
      std::string_view lines = answer.body;
      while (!lines.empty()) CHECK(json::accept(take_line(lines)));
    }
  }

  // What the answer says went into a stream: only that of an ingest does.
  static fuzz::Pipelines::Count taken_by(const HttpResponse& answer) {
    if (!answer.content_type.ends_with("json") || answer.body.empty()) return {};
    const auto body = json::parse(answer.body, nullptr, false);
    if (!body.is_object() || !body.contains("accepted")) return {};
    const auto rejected = body.value("rejected", std::uint64_t{0});
    return {.records = body.at("accepted").get<std::uint64_t>() + rejected, .rejected = rejected};
  }

  fuzz::Pipelines pipelines_{fuzz::Pipelines::Stores::with_events};
  Config::Http http_;
  Metrics metrics_;
  Health health_;
  HttpServer server_{{}};
  const TopicMap topics_{{}};
  DeadLetterApi dead_letters_{server_, pipelines_.all(), pipelines_.unrouted(), topics_,
                              pipelines_.clock()};
  std::unique_ptr<HttpIngest> ingest_;  // last: its thread uses the rest
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<Collector> collector;
  static int inputs = 0;
  if (inputs++ % kInputsEach == 0) {
    collector.reset();
    collector = std::make_unique<Collector>();
  }
  collector->check(read_request({reinterpret_cast<const char*>(data), size}));
  return 0;
}
