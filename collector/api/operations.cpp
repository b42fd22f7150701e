#include "collector/api/operations.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "collector/api/find_pipeline.h"
#include "shared/base/utf8.h"
#include "shared/http/problem.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kDeadLettersDefault = 100;
constexpr std::size_t kDeadLettersMax = 1000;
constexpr std::size_t kDeadLettersAtOnce = 16;
constexpr std::size_t kAnswerSizeMax = 8U << 20;  // and what is at once

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

HttpResponse account(const HttpRequest& request, std::span<Pipeline* const> pipelines) {
  const auto pipeline = find_pipeline(request, pipelines);
  if (!pipeline) return pipeline.error();
  const auto account = (*pipeline)->stream->account();
  if (!account) return problem(503, account.error().message());
  return {.status = 200,
          .content_type = "application/json",
          .body = dump({{"records", account->records},
                        {"stored", account->totals.stored},
                        {"duplicates", account->totals.duplicates},
                        {"conflicts", account->totals.conflicts},
                        {"rejected", account->totals.rejected},
                        {"lag", account->lag}}),
          .headers = {}};
}

// A whole number of the query; `absent` when it isn't there, nothing when it is none.
std::optional<std::uint64_t> number(const HttpRequest& request, std::string_view name,
                                    std::uint64_t absent) {
  const auto text = request.parameter(name);
  if (!text) return absent;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

HttpResponse dead_letters(const HttpRequest& request, std::span<Pipeline* const> pipelines,
                          const Stream& unrouted) {
  const Stream* stream = &unrouted;
  if (const auto named = request.captured.find("pipeline");
      named == request.captured.end() || named->second != kUnroutedTopic) {
    const auto pipeline = find_pipeline(request, pipelines);
    if (!pipeline) return pipeline.error();
    stream = (*pipeline)->stream.get();
  }
  const auto after = number(request, "cursor", 0);
  const auto limit = number(request, "limit", kDeadLettersDefault);
  if (!after) return problem(400, "the parameter cursor is not one that an answer gave as next");
  if (!limit || *limit < 1 || *limit > kDeadLettersMax)
    return problem(400, "the parameter limit is 1 to 1000");

  std::string body = R"({"data":[)";
  auto cursor = *after;
  auto left = *limit;
  bool more = true;
  while (more && left > 0 && body.size() < kAnswerSizeMax) {
    const auto wanted = std::min<std::uint64_t>(left, kDeadLettersAtOnce);
    const auto letters = stream->dead_letters(cursor, wanted);
    if (!letters) return problem(503, letters.error().message());
    for (const auto& letter : *letters) {
      if (body.back() != '[') body += ',';
      body += dead_letter_json(letter);
      cursor = letter.sequence;
    }
    left -= letters->size();
    more = letters->size() == wanted;
  }
  body +=
      R"(],"next":)" + (more ? "\"" + std::to_string(cursor) + "\"" : std::string("null")) + "}";
  return {
      .status = 200, .content_type = "application/json", .body = std::move(body), .headers = {}};
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

std::string dead_letter_json(const DeadLetter& letter) {
  Json json{{"sequence", letter.sequence}, {"reason", letter.reason},
            {"detail", letter.detail},     {"received_at", letter.received_at.text()},
            {"pipeline", letter.pipeline}, {"source", letter.source},
            {"edge", letter.edge},         {"topic", letter.topic}};
  if (letter.offset) {
    json["partition"] = letter.partition;
    json["offset"] = *letter.offset;
  }
  if (is_utf8(letter.event)) {
    json["event"] = letter.event;
  } else {
    json["event_hex"] = hexadecimal(letter.event);  // so that no byte is lost
  }
  return dump(json);
}

void register_operations(HttpServer& server, std::span<Pipeline* const> pipelines,
                         const Stream& unrouted, const Health& health, const Metrics& metrics) {
  const std::vector<Pipeline*> all(pipelines.begin(), pipelines.end());
  for (const std::string suffix : {"", "/{pipeline}"}) {
    server.status_route("GET", "/account" + suffix,
                        [all](HttpRequest request) { return account(request, all); });
    server.blocking_route("GET", "/dead-letters" + suffix, [all, &unrouted](HttpRequest request) {
      return dead_letters(request, all, unrouted);
    });
  }
  server.status_route("GET", "/health", [&health](HttpRequest) {
    const auto report = health.report();
    return HttpResponse{.status = report.up ? 200 : 503,
                        .content_type = "application/json",
                        .body = report.json(),
                        .headers = {}};
  });
  server.route("GET", "/health/live", [](HttpRequest, HttpResponder responder) {
    responder.respond({.status = 200,
                       .content_type = "application/json",
                       .body = R"({"status":"up"})",
                       .headers = {}});
  });
  server.status_route("GET", "/metrics", [&metrics](HttpRequest) {
    return HttpResponse{.status = 200,
                        .content_type = "text/plain; version=0.0.4; charset=utf-8",
                        .body = metrics.text(),
                        .headers = {}};
  });
}

}  // namespace tributary::collector
