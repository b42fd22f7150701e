#include "collector/api/operations.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "shared/http/problem.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kDeadLettersDefault = 100;
constexpr std::size_t kDeadLettersMax = 1000;

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// The pipeline that the path names, the first without a name.
Result<Pipeline*> find_pipeline(const HttpRequest& request, std::span<Pipeline* const> pipelines) {
  const auto named = request.captured.find("pipeline");
  if (named == request.captured.end()) return pipelines.front();
  std::string known;
  for (auto* pipeline : pipelines) {
    if (pipeline->config.name == named->second) return pipeline;
    known += (known.empty() ? "" : ", ") + pipeline->config.name;
  }
  return fail(errc::not_found, "there is no pipeline \"" + named->second + "\": there are " + known);
}

HttpResponse account(const HttpRequest& request, std::span<Pipeline* const> pipelines) {
  const auto pipeline = find_pipeline(request, pipelines);
  if (!pipeline) return problem(404, pipeline.error().message());
  const auto account = (*pipeline)->stream->account();
  return {.status = 200,
          .content_type = "application/json",
          .body = dump({{"records", account.records},
                        {"stored", account.totals.stored},
                        {"duplicates", account.totals.duplicates},
                        {"conflicts", account.totals.conflicts},
                        {"rejected", account.totals.rejected},
                        {"lag", account.lag}}),
          .headers = {}};
}

// A whole number of the query; `absent` when it isn't there, nothing when it is none.
std::optional<std::uint64_t> number(const HttpRequest& request, std::string_view name, std::uint64_t absent) {
  const auto text = request.parameter(name);
  if (!text) return absent;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

HttpResponse dead_letters(const HttpRequest& request, std::span<Pipeline* const> pipelines, const Stream& unrouted) {
  const Stream* stream = &unrouted;
  if (const auto named = request.captured.find("pipeline");
      named == request.captured.end() || named->second != kUnroutedTopic) {
    const auto pipeline = find_pipeline(request, pipelines);
    if (!pipeline) return problem(404, pipeline.error().message());
    stream = (*pipeline)->stream.get();
  }
  const auto after = number(request, "cursor", 0);
  const auto limit = number(request, "limit", kDeadLettersDefault);
  if (!after) return problem(400, "the parameter cursor is not one that an answer gave as next");
  if (!limit || *limit < 1 || *limit > kDeadLettersMax) return problem(400, "the parameter limit is 1 to 1000");

  const auto letters = stream->dead_letters(*after, *limit);
  if (!letters) return problem(503, letters.error().message());
  std::string body = R"({"data":[)";
  for (const auto& letter : *letters) {
    if (body.back() != '[') body += ',';
    body += dead_letter_json(letter);
  }
  const bool more = letters->size() == *limit;
  body += R"(],"next":)" + (more ? "\"" + std::to_string(letters->back().sequence) + "\"" : std::string("null")) + "}";
  return {.status = 200, .content_type = "application/json", .body = std::move(body), .headers = {}};
}

}  // namespace

std::string dead_letter_json(const DeadLetter& letter) {
  Json json{{"sequence", letter.sequence},
            {"reason", letter.reason},
            {"detail", letter.detail},
            {"received_at", letter.received_at.text()},
            {"pipeline", letter.pipeline},
            {"source", letter.source},
            {"edge", letter.edge},
            {"topic", letter.topic}};
  if (letter.offset != 0) {
    json["partition"] = letter.partition;
    json["offset"] = letter.offset;
  }
  // Bytes that aren't text are given in hexadecimal, so that none is lost.
  if (Json probe(letter.event); true) {
    try {
      std::ignore = probe.dump();
      json["event"] = letter.event;
    } catch (const Json::type_error&) {
      std::string hex;
      for (const unsigned char byte : letter.event) {
        hex += "0123456789abcdef"[byte >> 4];
        hex += "0123456789abcdef"[byte & 15];
      }
      json["event_hex"] = std::move(hex);
    }
  }
  return dump(json);
}

void register_operations(HttpServer& server, std::span<Pipeline* const> pipelines, const Stream& unrouted,
                         const Health& health, const Metrics& metrics) {
  const std::vector<Pipeline*> all(pipelines.begin(), pipelines.end());
  for (const std::string suffix : {"", "/{pipeline}"}) {
    server.blocking_route("GET", "/account" + suffix, [all](HttpRequest request) { return account(request, all); });
    server.blocking_route("GET", "/dead-letters" + suffix, [all, &unrouted](HttpRequest request) {
      return dead_letters(request, all, unrouted);
    });
  }
  server.blocking_route("GET", "/health", [&health](HttpRequest) {
    const auto report = health.report();
    return HttpResponse{
        .status = report.up ? 200 : 503, .content_type = "application/json", .body = report.json(), .headers = {}};
  });
  server.route("GET", "/health/live", [](HttpRequest, HttpResponder responder) {
    responder.respond({.status = 200, .content_type = "application/json", .body = R"({"status":"up"})", .headers = {}});
  });
  server.blocking_route("GET", "/metrics", [&metrics](HttpRequest) {
    return HttpResponse{.status = 200,
                        .content_type = "text/plain; version=0.0.4; charset=utf-8",
                        .body = metrics.text(),
                        .headers = {}};
  });
}

}  // namespace tributary::collector
