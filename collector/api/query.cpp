#include "collector/api/query.h"

#include <algorithm>
#include <vector>

#include "collector/api/aggregate_call.h"
#include "collector/api/data_call.h"
#include "collector/api/find_pipeline.h"
#include "collector/api/series_call.h"

namespace tributary::collector {
namespace {

using Answer = void (*)(const HttpRequest&, HttpResponder, Pipeline&);

// The store of one pipeline may hang: the questions to the others have workers of their own.
void add(HttpServer& server, const std::vector<Pipeline*>& pipelines,
         const std::vector<HttpLane>& lanes, const std::string& path,
         const HttpOperation& operation, Answer answer) {
  const auto lane_of = [pipelines, lanes](const HttpRequest& request) {
    const auto pipeline = find_pipeline(request, pipelines);
    if (!pipeline) return lanes.front();
    return lanes[static_cast<std::size_t>(std::ranges::find(pipelines, *pipeline) -
                                          pipelines.begin())];
  };
  for (const auto* suffix : {"", "/{pipeline}"}) {
    server.route(
        {.method = "GET",
         .pattern = path + suffix,
         .runs = HttpRoute::Runs::on_worker,
         .lane = lane_of,
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
  std::vector<HttpLane> lanes;
  for (std::size_t i = 0; i < all.size(); ++i) lanes.push_back(server.add_lane());
  add(server, all, lanes, "/data", data_operation(), answer_data);
  add(server, all, lanes, "/aggregate", aggregate_operation(), answer_aggregate);
  add(server, all, lanes, "/sensors", series_operation(), answer_series);
}

}  // namespace tributary::collector
