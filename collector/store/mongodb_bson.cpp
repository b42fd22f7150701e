#include "collector/store/mongodb_bson.h"

namespace tributary::collector {

std::string to_text(const bson_t* document) {
  std::size_t size = 0;
  char* const text = bson_as_relaxed_extended_json(document, &size);
  std::string copy = text == nullptr ? "(no BSON)" : std::string(text, size);
  bson_free(text);
  return copy;
}

}  // namespace tributary::collector
