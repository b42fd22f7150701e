#include "shared/event/validation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>
// After the standard headers, which it forgets some of.
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "shared/event/json.h"
#include "shared/event/shape.h"

namespace tributary {

struct Validation::Compiled {
  nlohmann::json json;
  std::optional<Shape> shape;
  valijson::Schema schema;
};

namespace {

using nlohmann::json;
using valijson::ValidationResults;
using valijson::adapters::NlohmannJsonAdapter;

// How valijson 1.0 words each failed keyword (validation_visitor.hpp). An entry whose words begin
// those of another stands behind it.
struct Wording {
  std::string_view start;
  std::string_view keyword;
  std::string_view detail;  // in general; empty: detail_of() knows it from schema and value
};
constexpr auto kWordings = std::to_array<Wording>({
    {"Value type not permitted", "type", ""},
    {"Missing required property '", "required", "is missing"},
    {"Object contains a property that could not be validated using 'properties' or "
     "'additionalProperties' constraints: '",
     "additionalProperties", "is not among the members that the schema allows"},
    {"Failed to match against any enum", "enum", ""},
    {"Failed to match expected value", "const", ""},
    {"Expected number less than or equal", "maximum", ""},
    {"Expected number less than", "exclusiveMaximum", ""},
    {"Expected number greater than or equal", "minimum", ""},
    {"Expected number greater than", "exclusiveMinimum", ""},
    {"Array should contain no more", "maxItems", ""},
    {"Array should contain no fewer", "minItems", ""},
    {"Object should have no more", "maxProperties", ""},
    {"Object should have no fewer", "minProperties", ""},
    {"Failed to validate against any schemas allowed by anyOf", "anyOf",
     "fits none of the alternatives (anyOf)"},
    {"Failed to validate against any child schemas allowed by oneOf", "oneOf",
     "fits none of the alternatives (oneOf)"},
    {"Failed to validate against exactly one", "oneOf", "fits more than one alternative (oneOf)"},
    {"Target should not validate", "not", "is what the schema excludes (not)"},
});

const Wording* wording_of(const ValidationResults::Error& error) {
  const auto* const found = std::ranges::find_if(kWordings, [&error](const Wording& wording) {
    return error.description.starts_with(wording.start);
  });
  return found == kWordings.end() ? nullptr : found;
}

std::string text_of(const json& value) {
  std::string text;
  append_canonical(value, text);
  return text;
}

std::string types_of(const json& types) {
  const auto one = [](const std::string& name) {
    if (name == "null") return name;
    const bool vowel = name == "array" || name == "object" || name == "integer";
    return (vowel ? "an " : "a ") + name;
  };
  if (types.is_string()) return one(types.get_ref<const std::string&>());
  std::string text;
  for (const auto& type : types) {
    if (!text.empty()) text += " or ";
    text += one(type.get_ref<const std::string&>());
  }
  return text;
}

std::string choices_of(const json& values) {
  constexpr std::size_t kShownMax = 200;
  std::string text;
  for (const auto& value : values) {
    const auto next = text_of(value);
    if (text.size() + next.size() > kShownMax) return text + (text.empty() ? "…" : ", …");
    if (!text.empty()) text += ", ";
    text += next;
  }
  return text;
}

std::string count_of(const json& value, std::string_view noun) {
  auto text = std::to_string(value.size());
  text.append(" ").append(noun);
  return value.size() == 1 ? text : text + 's';
}

// `limit` is what the schema gives the keyword.
std::string detail_of(std::string_view keyword, const json& limit, const json& value) {
  if (keyword == "type") {
    const auto types = types_of(limit);
    if (!value.is_number() || !types.contains("integer")) return wrong_kind(value, types);
    const bool too_large = std::trunc(value.get<double>()) == value.get<double>();
    return "is " + text_of(value) + ": must be " + types + (too_large ? " of 64 bits" : "");
  }
  if (keyword == "enum") return "is none of " + choices_of(limit);
  if (keyword == "const") return "is not " + choices_of(json::array({limit}));
  if (keyword == "maximum") return "is " + text_of(value) + ": at most " + text_of(limit);
  if (keyword == "minimum") return "is " + text_of(value) + ": at least " + text_of(limit);
  if (keyword == "exclusiveMaximum") {
    return "is " + text_of(value) + ": must be less than " + text_of(limit);
  }
  if (keyword == "exclusiveMinimum") {
    return "is " + text_of(value) + ": must be greater than " + text_of(limit);
  }
  if (keyword == "maxItems")
    return "has " + count_of(value, "element") + ": at most " + text_of(limit);
  if (keyword == "minItems")
    return "has " + count_of(value, "element") + ": at least " + text_of(limit);
  if (keyword == "maxProperties") {
    return "has " + count_of(value, "member") + ": at most " + text_of(limit);
  }
  return "has " + count_of(value, "member") + ": at least " + text_of(limit);
}

// The value and its subschema that a context of valijson's leads to: "<root>", "[location]", "[0]".
struct Place {
  const json* value;
  const json* schema;  // nullptr where it can't be told, as behind anyOf
  std::string pointer;
};

const json* member_of(const json* object, std::string_view name) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto found = object->find(name);
  return found == object->end() ? nullptr : &*found;
}

Place place_of(const std::vector<std::string>& context, const json& root, const json& schema) {
  Place place{.value = &root, .schema = &schema, .pointer = ""};
  for (std::size_t i = 1; i < context.size(); ++i) {
    const auto step = std::string_view(context[i]).substr(1, context[i].size() - 2);
    append_step(place.pointer, step);
    if (place.value->is_array()) {
      std::size_t index = 0;
      std::from_chars(step.data(), step.data() + step.size(), index);
      place.value = &place.value->at(index);
      place.schema = member_of(place.schema, "items");
    } else {
      place.value = &place.value->at(std::string(step));
      const auto* declared = member_of(member_of(place.schema, "properties"), step);
      place.schema =
          declared != nullptr ? declared : member_of(place.schema, "additionalProperties");
    }
  }
  return place;
}

// The member that a description names: its words end in "name'.".
std::string_view named(std::string_view description, const Wording& wording) {
  constexpr std::string_view kEnd = "'.";
  return description.substr(wording.start.size(),
                            description.size() - wording.start.size() - kEnd.size());
}

Problem problem_of(const ValidationResults::Error& error, const Wording& wording, const json& root,
                   const json& schema) {
  auto place = place_of(error.context, root, schema);
  if (wording.keyword == "required" || wording.keyword == "additionalProperties") {
    append_step(place.pointer, named(error.description, wording));
  }
  std::string detail(wording.detail);
  if (detail.empty()) {
    const auto* limit = member_of(place.schema, wording.keyword);
    detail = limit != nullptr ? detail_of(wording.keyword, *limit, *place.value)
                              : "does not fit the schema's " + std::string(wording.keyword);
  }
  return {.pointer = std::move(place.pointer), .detail = std::move(detail)};
}

bool is_around(const ValidationResults::Error& outer, const ValidationResults::Error& inner) {
  return outer.context.size() <= inner.context.size() &&
         std::equal(outer.context.begin(), outer.context.end(), inner.context.begin());
}

// valijson tells of a failure first where it is, then once more for each level around it. Of the
// alternatives of an anyOf or oneOf it tells each; then what counts is that none fits.
Problem most_specific(const ValidationResults& results, const json& root, const json& schema) {
  const ValidationResults::Error* chosen = nullptr;
  for (const auto& error : results) {
    const auto* wording = wording_of(error);
    if (wording == nullptr) continue;
    const bool alternatives = wording->keyword == "anyOf" || wording->keyword == "oneOf";
    if (chosen == nullptr || (alternatives && is_around(error, *chosen))) chosen = &error;
  }
  if (chosen != nullptr) return problem_of(*chosen, *wording_of(*chosen), root, schema);
  // A subschema that is `false` fails without a word of its own.
  if (results.numErrors() == 0) return {.pointer = "", .detail = "is not allowed by the schema"};
  return {.pointer = place_of(results.begin()->context, root, schema).pointer,
          .detail = "has a member or element that the schema forbids"};
}

}  // namespace

Validation::Validation(std::unique_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
Validation::Validation(Validation&&) noexcept = default;
Validation& Validation::operator=(Validation&&) noexcept = default;
Validation::~Validation() = default;

Result<Validation> Validation::compile(json schema) {
  auto compiled = std::make_unique<Compiled>();
  compiled->json = std::move(schema);
  compiled->shape = Shape::of(compiled->json);
  try {
    valijson::SchemaParser(valijson::SchemaParser::kDraft7)
        .populateSchema(NlohmannJsonAdapter(compiled->json), compiled->schema);
  } catch (const std::exception& e) {
    return fail(errc::invalid_argument, e.what());
  }
  return Validation(std::move(compiled));
}

std::optional<Problem> Validation::check(const json& value) const {
  if (compiled_->shape && compiled_->shape->accepts(value)) return std::nullopt;
  const NlohmannJsonAdapter target(value);
  valijson::Validator validator;
  try {
    // Most values are valid: only the others pay for being told why not.
    if (validator.validate(compiled_->schema, target, nullptr)) return std::nullopt;
    ValidationResults results;
    validator.validate(compiled_->schema, target, &results);
    return most_specific(results, value, compiled_->json);
  } catch (const std::exception& e) {
    return Problem{.pointer = "", .detail = std::string("can't be checked: ") + e.what()};
  }
}

}  // namespace tributary
