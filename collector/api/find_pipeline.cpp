#include "collector/api/find_pipeline.h"

#include "shared/http/problem.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kShownMax = 64;

}  // namespace

std::expected<Pipeline*, HttpResponse> find_pipeline(const HttpRequest& request,
                                                     std::span<Pipeline* const> pipelines) {
  const auto named = request.captured.find("pipeline");
  std::string names;
  for (auto* pipeline : pipelines) {
    const auto& name = pipeline->config.name;
    if (named == request.captured.end() || named->second == name) return pipeline;
    names += (names.empty() ? "" : ", ") + name;
  }
  return std::unexpected(problem(
      404,
      "there is no pipeline \"" + named->second.substr(0, kShownMax) + "\": there are " + names));
}

}  // namespace tributary::collector
