#include "collector/api/query.h"

#include <vector>

#include "collector/api/aggregate_call.h"
#include "collector/api/data_call.h"
#include "collector/api/find_pipeline.h"
#include "collector/api/series_call.h"

namespace tributary::collector {
namespace {

using Answer = void (*)(const HttpRequest&, HttpResponder, Pipeline&);

void add(HttpServer& server, const std::vector<Pipeline*>& pipelines, const std::string& path,
         const HttpOperation& operation, Answer answer) {
  for (const auto* suffix : {"", "/{pipeline}"}) {
    server.route(
        {.method = "GET",
         .pattern = path + suffix,
         .runs = HttpRoute::Runs::on_worker,
         .scope = "query",
         .operation = operation},
        HttpHandler([pipelines, answer](const HttpRequest& request, HttpResponder responder) {
          const auto pipeline = find_pipeline(request, pipelines);
          if (!pipeline) return responder.respond(pipeline.error());
          answer(request, std::move(responder), **pipeline);
        }));
  }
}

}  // namespace

void register_queries(HttpServer& server, std::span<Pipeline* const> pipelines) {
  const std::vector<Pipeline*> all(pipelines.begin(), pipelines.end());
  add(server, all, "/data", data_operation(), answer_data);
  add(server, all, "/aggregate", aggregate_operation(), answer_aggregate);
  add(server, all, "/sensors", series_operation(), answer_series);
}

}  // namespace tributary::collector
