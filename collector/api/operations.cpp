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

}  // namespace

void register_operations(HttpServer& server, std::span<Pipeline* const> pipelines,
                         const Health& health, const Metrics& metrics) {
  const std::vector<Pipeline*> all(pipelines.begin(), pipelines.end());
  for (const std::string suffix : {"", "/{pipeline}"}) {
    server.route({.method = "GET",
                  .pattern = "/account" + suffix,
                  .runs = HttpRoute::Runs::on_status_thread,
                  .scope = "query"},
                 [all](HttpRequest request) { return account(request, all); });
  }
  server.route({.method = "GET", .pattern = "/health", .runs = HttpRoute::Runs::on_status_thread},
               [&health](HttpRequest) {
                 const auto report = health.report();
                 return HttpResponse{.status = report.up ? 200 : 503,
                                     .content_type = "application/json",
                                     .body = report.json(),
                                     .headers = {}};
               });
  server.route({.method = "GET", .pattern = "/health/live"},
               [](HttpRequest, HttpResponder responder) {
                 responder.respond({.status = 200,
                                    .content_type = "application/json",
                                    .body = R"({"status":"up"})",
                                    .headers = {}});
               });
  server.route({.method = "GET",
                .pattern = "/metrics",
                .runs = HttpRoute::Runs::on_status_thread,
                .scope = "query"},
               [&metrics](HttpRequest) {
                 return HttpResponse{.status = 200,
                                     .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                     .body = metrics.text(),
                                     .headers = {}};
               });
}

}  // namespace tributary::collector
