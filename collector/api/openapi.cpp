#include "collector/api/openapi.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "collector/api/describe.h"
#include "shared/base/ascii.h"
#include "shared/base/check.h"
#include "shared/base/version.h"
#include "shared/http/etag.h"

namespace tributary::collector {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kPipelinePart = "{pipeline}";

std::string replaced(std::string text, std::string_view part, std::string_view by) {
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + by.size())) {
    text.replace(at, part.size(), by);
  }
  return text;
}

// A schema as OpenAPI takes it.
Json of_schema(const Schema& schema) {
  auto json = Json::parse(schema.text());
  json.erase("$schema");
  json.erase("$id");
  return json;
}

// The same of an event that comes back: it may have one member more, with meta=true.
Json of_stored(const Schema& schema) {
  auto json = of_schema(schema);
  json.erase("x-tributary");
  json.erase("propertyNames");
  if (json.contains("maxProperties")) {
    json["maxProperties"] = json["maxProperties"].get<std::int64_t>() + 1;
  }
  json["properties"]["_tributary"] = {
      {"type", "object"},
      {"description",
       "With meta=true: where the event came from, when it was received, its hash."}};
  return json;
}

std::string_view type_name(SchemaField::Type type) {
  switch (type) {
    case SchemaField::Type::integer:
      return "integer";
    case SchemaField::Type::number:
      return "number";
    case SchemaField::Type::boolean:
      return "boolean";
    default:
      return "string";
  }
}

Json filter_schema(SchemaField::Type type) {
  Json schema{{"type", type_name(type)}};
  if (type == SchemaField::Type::time) schema["format"] = "date-time";
  if (type == SchemaField::Type::uuid) schema["format"] = "uuid";
  return schema;
}

Json parameter(const std::string& name, const std::string& description, Json schema, bool required,
               const std::string& in = "query") {
  Json json{{"name", name}, {"in", in}, {"description", description}};
  if (required) json["required"] = true;
  json["schema"] = std::move(schema);
  return json;
}

Json problem_response(std::string_view description) {
  return {
      {"description", description},
      {"content",
       {{"application/problem+json", {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}};
}

// What the server answers by itself.
struct Common {
  int status;
  const char* name;
  const char* description;
};
constexpr std::array<Common, 5> kOfAll{
    Common{400, "BadRequest", "The request can't be meant so: `detail` says why."},
    Common{414, "TargetTooLong", "The address is over the limit."},
    Common{431, "HeaderTooLarge", "The header is over the limit."},
    Common{500, "Failed", "A mistake of this server."},
    Common{503, "Unavailable", "Not now: try again after Retry-After."}};
constexpr Common kNoToken{401, "NoToken", "A token is missing, or is not known."};
constexpr Common kForbidden{403, "Forbidden",
                            "The token does not allow this, or a page of another origin asks."};
constexpr Common kOfBodies{413, "BodyTooLarge", "The body is over the limit."};

// One operation of the document, for one pipeline.
class OperationWriter {
 public:
  OperationWriter(const HttpRoute& route, const Pipeline& pipeline, std::string name, bool tokens)
      : route_(route), pipeline_(pipeline), name_(std::move(name)), tokens_(tokens) {}

  [[nodiscard]] std::string path() const { return replaced(route_.pattern, kPipelinePart, name_); }

  [[nodiscard]] Json json() const {
    const auto& operation = route_.operation;
    const bool named = route_.pattern.find(kPipelinePart) != std::string::npos;
    Json json{{"operationId", operation.id + (named ? "_" + name_ : "")},
              {"summary", text(operation.summary)}};
    if (!operation.description.empty()) json["description"] = text(operation.description);
    json["tags"] = {named ? name_ : "default"};
    if (!operation.parameters.empty()) json["parameters"] = parameters();
    if (!operation.body.empty()) {
      json["requestBody"] = {{"required", route_.operation.body_required},
                             {"content", content(operation.body)}};
    }
    json["responses"] = responses();
    if (tokens_ && !route_.scope.empty()) json["security"] = {{{"token", {route_.scope}}}};
    return json;
  }

 private:
  [[nodiscard]] std::string text(const std::string& with_parts) const {
    return replaced(with_parts, kPipelinePart, name_);
  }

  [[nodiscard]] Json content(const std::vector<HttpContent>& contents) const {
    auto json = Json::object();
    for (const auto& [type, schema] : contents)
      json[type] = {{"schema", Json::parse(text(schema))}};
    return json;
  }

  [[nodiscard]] Json parameters() const {
    auto json = Json::array();
    for (const auto& of : route_.operation.parameters) {
      if (of.name == kFieldParameter) {
        add_filters(of, json);
      } else {
        json.push_back(parameter(of.name, text(of.description), Json::parse(text(of.schema)),
                                 of.required, of.in));
      }
    }
    return json;
  }

  // One for each scalar field; `where.` before the name of another parameter.
  void add_filters(const HttpParameter& pattern, Json& to) const {
    const auto& others = route_.operation.parameters;
    for (const auto& field : pipeline_.config.schema.fields()) {
      if (field.type == SchemaField::Type::nested) continue;
      const bool taken =
          std::ranges::find(others, field.name, &HttpParameter::name) != others.end();
      const auto name = (taken ? "where." : "") + field.name;
      to.push_back(parameter(name, replaced(pattern.description, kFieldParameter, field.name),
                             filter_schema(field.type), false));
    }
  }

  [[nodiscard]] Json responses() const {
    auto json = Json::object();
    for (const auto& answer : route_.operation.answers) {
      auto& one = json[std::to_string(answer.status)];
      one = {{"description", text(answer.description)}};
      if (!answer.content.empty()) one["content"] = content(answer.content);
    }
    const auto add = [&json](const Common& common) {
      const auto status = std::to_string(common.status);
      if (json.contains(status)) return;
      json[status] = {{"$ref", "#/components/responses/" + std::string(common.name)}};
    };
    for (const auto& common : kOfAll) add(common);
    if (!route_.operation.body.empty()) add(kOfBodies);
    const bool needs_token = tokens_ && !route_.scope.empty();
    if (needs_token) add(kNoToken);
    if (needs_token || route_.method != "GET") add(kForbidden);
    return json;
  }

  const HttpRoute& route_;
  const Pipeline& pipeline_;
  const std::string name_;
  const bool tokens_;
};

Json problem_schema() {
  return Json::parse(R"({
    "description": "RFC 9457",
    "type": "object",
    "properties": {
      "type": {"type": "string"},
      "title": {"type": "string"},
      "status": {"type": "integer"},
      "detail": {"type": "string"},
      "accepted": {"type": "integer", "minimum": 0, "description": "Of an ingest: records that are durable."},
      "errors": {
        "type": "array",
        "items": {
          "type": "object",
          "properties": {
            "index": {"type": "integer", "minimum": 0, "description": "Which record, from 0."},
            "pointer": {"type": "string", "description": "JSON Pointer into it."},
            "detail": {"type": "string"}
          },
          "required": ["index", "pointer", "detail"]
        }
      }
    },
    "required": ["type", "title", "status"]
  })");
}

Json components(std::span<Pipeline* const> pipelines, bool tokens) {
  Json json;
  for (const auto* pipeline : pipelines) {
    const auto& name = pipeline->config.name;
    const auto& schema = pipeline->config.schema;
    json["schemas"][name] = of_schema(schema);
    json["schemas"][name + ".stored"] = of_stored(schema);
  }
  json["schemas"]["Problem"] = problem_schema();
  const auto add = [&json](const Common& common) {
    json["responses"][common.name] = problem_response(common.description);
  };
  for (const auto& common : kOfAll) add(common);
  add(kOfBodies);
  add(kForbidden);
  if (!tokens) return json;
  add(kNoToken);
  json["securitySchemes"]["token"] = {{"type", "http"}, {"scheme", "bearer"}};
  return json;
}

}  // namespace

std::string openapi_json(std::span<const HttpRoute> routes, std::span<Pipeline* const> pipelines,
                         bool tokens) {
  CHECK(!pipelines.empty());
  Json json{{"openapi", "3.1.0"},
            {"info",
             {{"title", "Tributary collector"},
              {"version", kVersion},
              {"description", "Takes events over HTTP, and answers what is stored."}}},
            {"jsonSchemaDialect", "https://json-schema.org/draft/2020-12/schema"}};
  auto& paths = json["paths"];
  const auto add = [&](const HttpRoute& route, const Pipeline& pipeline, const std::string& name) {
    const OperationWriter operation(route, pipeline, name, tokens);
    paths[operation.path()][lower_case(route.method)] = operation.json();
  };
  for (const auto& route : routes) {
    CHECK(!route.operation.id.empty());
    if (route.pattern.find(kPipelinePart) == std::string::npos) {
      add(route, *pipelines.front(), pipelines.front()->config.name);
      continue;
    }
    for (const auto* pipeline : pipelines) add(route, *pipeline, pipeline->config.name);
    // Those of no pipeline.
    if (route.pattern.starts_with("/dead-letters/")) add(route, *pipelines.front(), kUnroutedTopic);
  }
  json["components"] = components(pipelines, tokens);
  return json.dump();
}

void register_openapi(HttpServer& server, std::span<Pipeline* const> pipelines, bool tokens) {
  const auto document = std::make_shared<std::string>();
  server.route({.method = "GET",
                .pattern = "/openapi.json",
                .operation = {.id = "getOpenapi",
                              .summary = "This document",
                              .answers = {{.status = 200,
                                           .description = "OpenAPI 3.1.",
                                           .content = {{.schema = R"({"type":"object"})"}}},
                                          not_modified()}}},
               [document](const HttpRequest&) {
                 return HttpResponse{.body = *document,
                                     .headers = {{"ETag", strong_etag(*document)}}};
               });
  *document = openapi_json(server.routes(), pipelines, tokens);
}

}  // namespace tributary::collector
