#pragma once

#include <optional>
#include <string_view>

namespace tributary::collector {

// A file that the program carries for browsers. Views of the program itself.
struct Asset {
  std::string_view content_type;
  std::string_view content;
};

// "docs.html", "docs.js", and, unless it was built without npm, those of Swagger UI:
// "swagger-ui.css", "swagger-ui-bundle.js".
std::optional<Asset> find_asset(std::string_view name);

}  // namespace tributary::collector
