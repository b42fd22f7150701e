#include "collector/api/docs.h"

#include <string>

#include "collector/api/describe.h"
#include "collector/web/assets.h"
#include "shared/http/etag.h"
#include "shared/http/problem.h"

namespace tributary::collector {
namespace {

// Nothing from elsewhere; Swagger UI sets styles and has its pictures in its style sheet.
constexpr const char* kPolicy =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'";

HttpResponse answer(const std::string& name) {
  const auto asset = find_asset(name);
  if (!asset) return problem(404, "there is no such file in this program");
  return {.content_type = std::string(asset->content_type),
          .body = std::string(asset->content),
          .headers = {{"Content-Security-Policy", kPolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Cache-Control", "no-cache"},
                      {"ETag", strong_etag(asset->content)}}};
}

HttpAnswer file_answer(std::string description) {
  return {.status = 200,
          .description = std::move(description),
          .content = {{.type = "*/*", .schema = R"({"type":"string"})"}}};
}

}  // namespace

void register_docs(HttpServer& server) {
  server.route({.method = "GET",
                .pattern = "/docs",
                .operation = {.id = "getDocs",
                              .summary = "This description as a page",
                              .answers = {{.status = 200,
                                           .description = "The page.",
                                           .content = {{.type = "text/html",
                                                        .schema = R"({"type":"string"})"}}},
                                          not_modified()}}},
               [](const HttpRequest&) { return answer("docs.html"); });
  for (const std::string name : {"docs.js", "swagger-ui.css", "swagger-ui-bundle.js"}) {
    server.route({.method = "GET",
                  .pattern = "/docs/" + name,
                  .runs = HttpRoute::Runs::on_worker,
                  .operation = {.id = "getDocs_" + name,
                                .summary = "A file of the page /docs",
                                .answers = {file_answer("The file."),
                                            not_modified(),
                                            {.status = 404,
                                             .description = "The program was built without it.",
                                             .content = {problem_content()}}}}},
                 [name](const HttpRequest&) { return answer(name); });
  }
  server.route({.method = "GET",
                .pattern = "/",
                .operation = {.id = "getRoot",
                              .summary = "Leads to /docs",
                              .answers = {{.status = 302, .description = "To /docs."}}}},
               [](const HttpRequest&) {
                 return HttpResponse{
                     .status = 302, .content_type = {}, .headers = {{"Location", "/docs"}}};
               });
}

}  // namespace tributary::collector
