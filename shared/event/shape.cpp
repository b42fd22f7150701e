#include "shared/event/shape.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tributary {
namespace {

using nlohmann::json;

enum Type : unsigned {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kFraction = 8,  // a number that is no int64
  kString = 16,
  kArray = 32,
  kObject = 64,
};

unsigned type_named(const json& name) {
  if (name == "null") return kNull;
  if (name == "boolean") return kBoolean;
  if (name == "integer") return kInteger;
  if (name == "number") return kInteger | kFraction;
  if (name == "string") return kString;
  if (name == "array") return kArray;
  if (name == "object") return kObject;
  return 0;
}

unsigned types_named(const json& names) {
  if (!names.is_array()) return type_named(names);
  unsigned types = 0;
  for (const auto& name : names) types |= type_named(name);
  return types;
}

unsigned type_of(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return kNull;
    case json::value_t::boolean:
      return kBoolean;
    case json::value_t::number_integer:
    case json::value_t::number_unsigned:
      return kInteger;
    case json::value_t::number_float:
      return kFraction;
    case json::value_t::string:
      return kString;
    case json::value_t::array:
      return kArray;
    case json::value_t::object:
      return kObject;
    default:
      return 0;
  }
}

}  // namespace

std::optional<Shape> Shape::of(const json& schema) {
  Shape shape;
  if (!shape.read(schema)) return std::nullopt;
  return shape;
}

bool Shape::read(const json& schema) {
  if (schema.is_boolean()) return schema.get<bool>();
  const auto bound = [this](double& to, const json& value) {
    to = value.get<double>();
    return bounded_ = true;
  };
  const auto keyword = [&](const std::string& name, const json& value) {
    if (name == "type") {
      types_ = types_named(value);
    } else if (name == "minimum") {
      return bound(least_, value);
    } else if (name == "maximum") {
      return bound(most_, value);
    } else if (name == "exclusiveMinimum") {
      return bound(above_, value);
    } else if (name == "exclusiveMaximum") {
      return bound(below_, value);
    } else if (name == "required") {
      required_ = value.get<std::vector<std::string>>();
      std::ranges::sort(required_);
    } else if (name == "properties") {
      for (const auto& [member, inner] : value.items()) {
        auto shape = of(inner);
        if (!shape) return false;
        properties_.emplace_back(member, *std::move(shape));  // in the order of the names
      }
    } else if (name == "additionalProperties") {
      additional_allowed_ = value != false;
      if (!value.is_object()) return true;
      auto shape = of(value);
      if (!shape) return false;
      additional_ = std::make_shared<const Shape>(*std::move(shape));
    } else {
      return false;
    }
    return true;
  };
  return std::ranges::all_of(schema.items(),
                             [&](const auto& item) { return keyword(item.key(), item.value()); });
}

bool Shape::accepts(const json& value) const {
  const auto type = type_of(value);
  if ((types_ & type) == 0) return false;
  if (bounded_ && (type & (kInteger | kFraction)) != 0) {
    const auto number = value.get<double>();
    return number >= least_ && number <= most_ && number > above_ && number < below_;
  }
  return type != kObject || accepts_members(value);
}

// The members, what is required and what is declared are all sorted: one pass over the three.
bool Shape::accepts_members(const json& object) const {
  auto required = required_.begin();
  auto declared = properties_.begin();
  for (const auto& [name, value] : object.get_ref<const json::object_t&>()) {
    if (required != required_.end()) {
      const auto order = required->compare(name);
      if (order < 0) return false;
      if (order == 0) ++required;
    }
    while (declared != properties_.end() && declared->first < name) ++declared;
    if (declared != properties_.end() && declared->first == name) {
      if (!declared->second.accepts(value)) return false;
    } else if (!additional_allowed_ || (additional_ && !additional_->accepts(value))) {
      return false;
    }
  }
  return required == required_.end();
}

}  // namespace tributary
