#include "shared/http/route.h"

#include "shared/base/json_string.h"

namespace tributary {

std::string object_schema(const std::vector<std::pair<std::string_view, std::string>>& members) {
  std::string properties;
  std::string required;
  for (const auto& [name, schema] : members) {
    const std::string separator = properties.empty() ? "" : ",";
    properties += separator + json_string(name) + ":" + schema;
    required += separator + json_string(name);
  }
  return R"({"type":"object","properties":{)" + properties + R"(},"required":[)" + required + "]}";
}

HttpContent problem_content() {
  return {.type = "application/problem+json",
          .schema = R"({"$ref":"#/components/schemas/Problem"})"};
}

}  // namespace tributary
