#include "shared/event/subset.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <string_view>

#include "shared/base/nearest.h"
#include "shared/event/json.h"
#include "shared/event/problem.h"

namespace tributary {
namespace {

using nlohmann::json;

// Where a subschema stands decides which keywords it may have.
enum class Position {
  root,
  member,       // of properties, items, additionalProperties, to any depth
  alternative,  // inside of allOf, anyOf, oneOf, not: only what valijson checks
  name,         // propertyNames: only what we check of a string
};

// What a keyword's value is, and who checks it.
enum class Kind {
  annotation,
  dialect,
  types,
  number,
  count,
  value,
  values,
  schema,
  schemas,
  members,
  names,
  our_format,
  our_pattern,
  our_length,
  our_divisor,
  our_uniqueness,
  our_names,
  tributary,
};

struct Keyword {
  std::string_view name;
  Kind kind;
};
constexpr auto kKeywords = std::to_array<Keyword>({
    {"$comment", Kind::annotation},
    {"$id", Kind::annotation},
    {"$schema", Kind::dialect},
    {"additionalProperties", Kind::schema},
    {"allOf", Kind::schemas},
    {"anyOf", Kind::schemas},
    {"const", Kind::value},
    {"default", Kind::annotation},
    {"deprecated", Kind::annotation},
    {"description", Kind::annotation},
    {"enum", Kind::values},
    {"examples", Kind::annotation},
    {"exclusiveMaximum", Kind::number},
    {"exclusiveMinimum", Kind::number},
    {"format", Kind::our_format},
    {"items", Kind::schema},
    {"maxItems", Kind::count},
    {"maxLength", Kind::our_length},
    {"maxProperties", Kind::count},
    {"maximum", Kind::number},
    {"minItems", Kind::count},
    {"minLength", Kind::our_length},
    {"minProperties", Kind::count},
    {"minimum", Kind::number},
    {"multipleOf", Kind::our_divisor},
    {"not", Kind::schema},
    {"oneOf", Kind::schemas},
    {"pattern", Kind::our_pattern},
    {"properties", Kind::members},
    {"propertyNames", Kind::our_names},
    {"readOnly", Kind::annotation},
    {"required", Kind::names},
    {"title", Kind::annotation},
    {"type", Kind::types},
    {"uniqueItems", Kind::our_uniqueness},
    {"writeOnly", Kind::annotation},
    {"x-tributary", Kind::tributary},
});

constexpr std::string_view kDialect = "https://json-schema.org/draft/2020-12/schema";
constexpr auto kTypes = std::to_array<std::string_view>(
    {"array", "boolean", "integer", "null", "number", "object", "string"});

std::string step(std::string pointer, std::string_view name) {
  append_step(pointer, name);
  return pointer;
}

std::unexpected<Error> invalid(const std::string& pointer, std::string detail) {
  return fail(errc::invalid_argument, to_text({.pointer = pointer, .detail = std::move(detail)}));
}
std::unexpected<Error> unsupported(const std::string& pointer, std::string detail) {
  return fail(errc::unsupported, to_text({.pointer = pointer, .detail = std::move(detail)}));
}

bool is_ours(Kind kind) {
  return kind == Kind::our_format || kind == Kind::our_pattern || kind == Kind::our_length ||
         kind == Kind::our_divisor || kind == Kind::our_uniqueness || kind == Kind::our_names;
}

// The words for a keyword that stands where it can't be checked; empty: it can.
std::string_view misplaced(Kind kind, Position position) {
  if (kind == Kind::annotation) return {};
  if (kind == Kind::tributary && position != Position::root) {
    return "belongs to the top of the schema";
  }
  if (position == Position::alternative && is_ours(kind)) {
    return "is not supported inside of allOf, anyOf, oneOf and not (SCHEMA.md)";
  }
  if (position == Position::name && kind != Kind::our_pattern && kind != Kind::our_length) {
    return "is not supported inside of propertyNames: pattern, minLength and maxLength are "
           "(SCHEMA.md)";
  }
  return {};
}

// valijson compares numbers as doubles, so those that a schema names must be ones that no other
// int64 turns into.
Result<void> check_comparable(const json& value, const std::string& pointer) {
  constexpr double kExactBelow = 9007199254740992.0;  // 2^53
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (value.is_structured()) {
    for (const auto& [name, inner] : value.items()) {
      TRIBUTARY_TRY(check_comparable(inner, step(pointer, name)));
    }
  } else if (value.is_number()) {
    const auto size = std::fabs(value.get<double>());
    if (size >= kExactBelow && size <= kTwoTo63) {
      return unsupported(
          pointer,
          "is a number of 2^53 or more: doubles, in which the numbers of a schema are "
          "compared, don't tell such integers apart");
    }
  }
  return {};
}

template <class Predicate>
bool all_different(const json& values, Predicate predicate) {
  return std::all_of(values.begin(), values.end(), predicate) &&
         std::set<json>(values.begin(), values.end()).size() == values.size();
}

// "did you mean required? "
std::string meant(const std::string& keyword) {
  std::array<std::string_view, kKeywords.size()> names;
  std::ranges::transform(kKeywords, names.begin(), &Keyword::name);
  const auto found = nearest(keyword, names);
  return found.empty() ? std::string() : "did you mean " + std::string(found) + "? ";
}

// A pair of bounds that nothing is between.
Result<void> check_bounds(const json& schema, const std::string& pointer) {
  constexpr auto kBounds =
      std::to_array<std::pair<const char*, const char*>>({{"minimum", "maximum"},
                                                          {"minLength", "maxLength"},
                                                          {"minItems", "maxItems"},
                                                          {"minProperties", "maxProperties"}});
  for (const auto& [least, most] : kBounds) {
    if (!schema.contains(least) || !schema.contains(most) || schema[least] <= schema[most])
      continue;
    return invalid(step(pointer, least), "is " + schema[least].dump() + ", which is more than " +
                                             most + ", " + schema[most].dump() +
                                             ": no value can be both");
  }
  return {};
}

bool is_of_type(const json& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  if (type == "integer") return value.is_number_integer();
  return value.is_number();
}

// Values to choose from, of which none has the type.
Result<void> check_choice(const json& schema, const std::string& pointer) {
  if (!schema.contains("type") || !schema.contains("enum")) return {};
  const auto& type = schema["type"];
  const auto types = type.is_array() ? type : json::array({type});
  const auto fits = [&](const json& value) {
    return std::any_of(types.begin(), types.end(), [&](const json& one) {
      return is_of_type(value, one.get_ref<const std::string&>());
    });
  };
  if (std::any_of(schema["enum"].begin(), schema["enum"].end(), fits)) return {};
  return invalid(step(pointer, "enum"), "has no value of the type " + type.dump());
}

// A required member that may not be there.
Result<void> check_required(const json& schema, const std::string& pointer) {
  if (!schema.contains("required") ||
      schema.value("additionalProperties", json(true)) != json(false))
    return {};
  const auto& required = schema["required"];
  for (std::size_t i = 0; i < required.size(); ++i) {
    const auto& name = required[i].get_ref<const std::string&>();
    if (schema.contains("properties") && schema["properties"].contains(name)) continue;
    return invalid(step(step(pointer, "required"), std::to_string(i)),
                   "names \"" + name +
                       "\", which is not among the properties, and additionalProperties is false");
  }
  return {};
}

class Reader {
 public:
  Result<Subset> read(const json& schema, const std::string& pointer, Position position) {
    Subset subset;
    subset.for_valijson = schema.is_boolean() ? schema : json::object();
    if (schema.is_boolean() && position != Position::root) return subset;
    if (!schema.is_object()) return invalid(pointer, "is not a schema: must be an object");
    for (const auto& [name, value] : schema.items()) {
      TRIBUTARY_TRY(keyword(name, value, step(pointer, name), position, subset));
    }
    if (position == Position::root || position == Position::member) {
      TRIBUTARY_TRY(check_bounds(schema, pointer));
      TRIBUTARY_TRY(check_choice(schema, pointer));
      TRIBUTARY_TRY(check_required(schema, pointer));
    }
    prune(subset.checks);
    return subset;
  }

 private:
  // Reads one keyword into `subset`, for the one who will check it.
  Result<void> keyword(const std::string& name, const json& value, const std::string& pointer,
                       Position position, Subset& subset) {
    const auto* const known = std::ranges::find(kKeywords, name, &Keyword::name);
    if (known == kKeywords.end()) {
      return unsupported(
          pointer, "is not supported: " + meant(name) + "SCHEMA.md lists the keywords that are");
    }
    if (const auto words = misplaced(known->kind, position); !words.empty()) {
      return unsupported(pointer, std::string(words));
    }
    switch (known->kind) {
      case Kind::annotation:
      case Kind::tributary:
        return {};
      case Kind::dialect:
        return dialect(value, pointer);
      case Kind::our_format:
        return format(value, pointer, subset.checks);
      case Kind::our_pattern:
        return pattern(value, pointer, subset.checks);
      case Kind::our_length:
        return length(name == "minLength" ? subset.checks.length_min : subset.checks.length_max,
                      value, pointer);
      case Kind::our_divisor:
        return divisor(value, pointer, subset.checks);
      case Kind::our_uniqueness:
        if (!value.is_boolean()) return invalid(pointer, "must be true or false");
        subset.checks.unique_items = value.get<bool>();
        return {};
      case Kind::our_names:
        return property_names(value, pointer, subset.checks);
      case Kind::schema:
        return inner_schema(name, value, pointer, position, subset);
      case Kind::members:
        return members(value, pointer, position, subset);
      case Kind::schemas:
        return alternatives(name, value, pointer, subset);
      case Kind::types:
        TRIBUTARY_TRY(types(value, pointer, position));
        break;
      case Kind::number:
        if (!value.is_number()) return invalid(pointer, "must be a number");
        TRIBUTARY_TRY(check_comparable(value, pointer));
        break;
      case Kind::count:
        TRIBUTARY_TRY(count(value, pointer));
        break;
      case Kind::value:
        TRIBUTARY_TRY(check_comparable(value, pointer));
        break;
      case Kind::values:
        if (!value.is_array() || value.empty()) {
          return invalid(pointer, "must be an array of one value or more");
        }
        TRIBUTARY_TRY(check_comparable(value, pointer));
        break;
      case Kind::names:
        TRIBUTARY_TRY(names(value, pointer));
        break;
    }
    subset.for_valijson[name] = value;
    return {};
  }

  static Result<void> dialect(const json& value, const std::string& pointer) {
    if (value == kDialect || value == std::string(kDialect) + "#") return {};
    return unsupported(pointer, "must be " + std::string(kDialect) + ", or left out");
  }

  static Result<void> format(const json& value, const std::string& pointer, Checks& checks) {
    if (value == "date-time") {
      checks.format = Checks::Format::time;
    } else if (value == "uuid") {
      checks.format = Checks::Format::uuid;
    } else {
      return unsupported(
          pointer, "is not a supported format: date-time and uuid are; a pattern can check others");
    }
    return {};
  }

  static Result<void> pattern(const json& value, const std::string& pointer, Checks& checks) {
    if (!value.is_string()) return invalid(pointer, "must be a string");
    re2::RE2::Options options;
    options.set_log_errors(false);
    auto compiled = std::make_shared<const re2::RE2>(value.get_ref<const std::string&>(), options);
    if (!compiled->ok()) {
      return unsupported(pointer, "is not a regular expression of RE2: " + compiled->error());
    }
    checks.pattern = std::move(compiled);
    return {};
  }

  static Result<void> count(const json& value, const std::string& pointer) {
    if (value.is_number_integer() && value.get<std::int64_t>() >= 0) return {};
    return invalid(pointer, "must be an integer of 0 or more");
  }

  static Result<void> length(std::size_t& to, const json& value, const std::string& pointer) {
    TRIBUTARY_TRY(count(value, pointer));
    to = value.get<std::size_t>();
    return {};
  }

  static Result<void> divisor(const json& value, const std::string& pointer, Checks& checks) {
    if (!value.is_number() || value.get<double>() <= 0) {
      return invalid(pointer, "must be a number above 0");
    }
    checks.multiple_of = Decimal::of(value);
    return {};
  }

  Result<void> property_names(const json& value, const std::string& pointer, Checks& checks) {
    TRIBUTARY_ASSIGN(auto inner, read(value, pointer, Position::name));
    if (inner.for_valijson.is_boolean()) {
      return unsupported(pointer,
                         "must be an object: pattern, minLength and maxLength are supported");
    }
    if (!inner.checks.empty())
      checks.property_names = std::make_unique<Checks>(std::move(inner.checks));
    return {};
  }

  static Result<void> types(const json& value, const std::string& pointer, Position position) {
    if (position == Position::root && value != "object") {
      return invalid(pointer, "must be \"object\": an event is one");
    }
    const auto is_type = [](const json& one) {
      return one.is_string() &&
             std::ranges::find(kTypes, one.get_ref<const std::string&>()) != kTypes.end();
    };
    if (value.is_array() ? !value.empty() && all_different(value, is_type) : is_type(value)) {
      return {};
    }
    return invalid(pointer,
                   "must be array, boolean, integer, null, number, object or string, or a list of "
                   "such, each once");
  }

  // A name that valijson would cut at its NUL.
  static bool is_usable(const std::string& name) { return !name.contains('\0'); }

  static Result<void> names(const json& value, const std::string& pointer) {
    const auto is_name = [](const json& one) {
      return one.is_string() && is_usable(one.get_ref<const std::string&>());
    };
    if (value.is_array() && all_different(value, is_name)) return {};
    return invalid(pointer, "must be a list of member names, each once and without a NUL");
  }

  Result<void> members(const json& value, const std::string& pointer, Position position,
                       Subset& subset) {
    if (!value.is_object()) return invalid(pointer, "must be an object of schemas");
    auto& for_valijson = subset.for_valijson["properties"] = json::object();
    for (const auto& [name, schema] : value.items()) {
      const auto at = step(pointer, name);
      if (!is_usable(name)) return unsupported(at, "has a NUL in its name");
      TRIBUTARY_ASSIGN(auto inner, read(schema, at, inside(position)));
      for_valijson[name] = std::move(inner.for_valijson);
      subset.checks.properties.emplace(name, std::move(inner.checks));
    }
    return {};
  }

  // items, additionalProperties, not
  Result<void> inner_schema(const std::string& name, const json& value, const std::string& pointer,
                            Position position, Subset& subset) {
    const auto inner_position = name == "not" ? Position::alternative : inside(position);
    TRIBUTARY_ASSIGN(auto inner, read(value, pointer, inner_position));
    subset.for_valijson[name] = std::move(inner.for_valijson);
    if (inner.checks.empty()) return {};
    auto& checks = name == "items" ? subset.checks.items : subset.checks.additional;
    checks = std::make_unique<Checks>(std::move(inner.checks));
    return {};
  }

  Result<void> alternatives(const std::string& name, const json& value, const std::string& pointer,
                            Subset& subset) {
    if (!value.is_array() || value.empty()) {
      return invalid(pointer, "must be an array of one schema or more");
    }
    auto& for_valijson = subset.for_valijson[name] = json::array();
    for (std::size_t i = 0; i < value.size(); ++i) {
      TRIBUTARY_ASSIGN(auto inner,
                       read(value[i], step(pointer, std::to_string(i)), Position::alternative));
      for_valijson.push_back(std::move(inner.for_valijson));
    }
    return {};
  }

  static Position inside(Position position) {
    return position == Position::alternative ? Position::alternative : Position::member;
  }

  // Keeps members that have nothing to check only where `additional` must know that they are
  // declared.
  static void prune(Checks& checks) {
    if (checks.additional) return;
    std::erase_if(checks.properties, [](const auto& member) { return member.second.empty(); });
  }
};

}  // namespace

Result<Subset> read_subset(const json& schema) { return Reader().read(schema, "", Position::root); }

}  // namespace tributary
