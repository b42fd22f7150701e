#pragma once

#include <string>
#include <vector>

#include "shared/event/checks.h"
#include "shared/event/schema.h"
#include "shared/event/validation.h"

namespace tributary {

// What a schema's text comes to.
struct Schema::Compiled {
  std::string name;
  std::string id;
  std::string text;
  std::vector<std::string> key;
  std::string time;
  std::string time_ns;  // the reserved name
  std::string partition_by;
  std::string series;
  std::vector<SchemaField> fields;

  Validation validation;
  Checks checks;
  std::vector<SchemaField> key_fields;  // in the key's order
  SchemaField partition_field;
};

// Whether events can't have a top-level member of that name: stores keep their own there.
bool is_reserved_name(std::string_view name, std::string_view time_ns);

}  // namespace tributary
