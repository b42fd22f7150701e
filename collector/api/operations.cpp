#include "collector/api/operations.h"

#include <nlohmann/json.hpp>
#include <string>

#include "collector/api/find_pipeline.h"
#include "shared/http/problem.h"

namespace tributary::collector {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

HttpResponse account(const HttpRequest& request, std::span<Pipeline* const> pipelines) {
  const auto pipeline = find_pipeline(request, pipelines);
  if (!pipeline) return pipeline.error();
  const auto account = (*pipeline)->stream->account();
  if (!account) return unavailable(account.error().message(), std::chrono::seconds(5));
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

HttpOperation account_operation() {
  const std::string count = R"({"type":"integer","minimum":0})";
  return {.id = "getAccount",
          .summary = "What became of every record of a pipeline",
          .description =
              "records = stored + duplicates + conflicts + rejected + lag, of `{pipeline}`, "
              "since its stream began.",
          .answers = {{.status = 200,
                       .description = "The account.",
                       .content = {{.schema = object_schema({{"records", count},
                                                             {"stored", count},
                                                             {"duplicates", count},
                                                             {"conflicts", count},
                                                             {"rejected", count},
                                                             {"lag", count}})}}}}};
}

HttpOperation health_operation() {
  const std::string status = R"({"type":"string","enum":["up","down"]})";
  const HttpContent report{
      .schema = object_schema({{"status", status},
                               {"checks", R"({"type":"object","additionalProperties":)" +
                                              object_schema({{"status", status}}) + "}"}})};
  return {.id = "getHealth",
          .summary = "Whether every part is up",
          .answers = {{.status = 200, .description = "All parts are up.", .content = {report}},
                      {.status = 503,
                       .description = "A part is down: its check says why.",
                       .content = {report, problem_content()}}}};
}

}  // namespace

void register_operations(HttpServer& server, std::span<Pipeline* const> pipelines,
                         const Health& health, const Metrics& metrics) {
  using enum HttpRoute::Runs;
  const std::vector<Pipeline*> all(pipelines.begin(), pipelines.end());
  for (const std::string suffix : {"", "/{pipeline}"}) {
    server.route({.method = "GET",
                  .pattern = "/account" + suffix,
                  .runs = on_status_thread,
                  .scope = "query",
                  .operation = account_operation()},
                 [all](const HttpRequest& request) { return account(request, all); });
  }
  server.route({.method = "GET",
                .pattern = "/health",
                .runs = on_status_thread,
                .operation = health_operation()},
               [&health](const HttpRequest&) {
                 const auto report = health.report();
                 return HttpResponse{
                     .status = report.up ? 200 : 503, .body = report.json(), .headers = {}};
               });
  server.route(
      {.method = "GET",
       .pattern = "/health/live",
       .operation = {.id = "getHealthLive",
                     .summary = "Whether the process answers",
                     .answers = {{.status = 200,
                                  .description = "It does.",
                                  .content = {{.schema = object_schema(
                                                   {{"status", R"({"const":"up"})"}})}}}}}},
      [](const HttpRequest&) { return HttpResponse{.body = R"({"status":"up"})", .headers = {}}; });
  server.route({.method = "GET",
                .pattern = "/metrics",
                .runs = on_status_thread,
                .scope = "query",
                .operation = {.id = "getMetrics",
                              .summary = "Metrics, as Prometheus text",
                              .answers = {{.status = 200,
                                           .description = "Text format 0.0.4.",
                                           .content = {{.type = "text/plain",
                                                        .schema = R"({"type":"string"})"}}}}}},
               [&metrics](const HttpRequest&) {
                 return HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                     .body = metrics.text(),
                                     .headers = {}};
               });
}

}  // namespace tributary::collector
