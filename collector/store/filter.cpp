#include "collector/store/filter.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/base/check.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

using nlohmann::json;

std::unexpected<Error> refuse(const Filter& filter, std::string_view why) {
  constexpr std::size_t kShownMax = 64;
  auto shown = filter.value.substr(0, kShownMax);
  if (shown.size() < filter.value.size()) shown += "…";
  return fail(errc::invalid_argument, filter.field + "=" + shown + ": " + std::string(why));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hexadecimal(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// A JSON number and nothing around it.
std::optional<json> number(std::string_view text) {
  if (text.empty() || (text.front() != '-' && !is_digit(text.front())) || !is_digit(text.back())) {
    return std::nullopt;
  }
  auto value = parse_json(text, 1);
  if (!value) return std::nullopt;
  return std::move(*value);
}

std::optional<json> boolean(std::string_view text) {
  if (text == "true") return json(true);
  if (text == "false") return json(false);
  return std::nullopt;
}

std::optional<json> uuid(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  std::string value(text);
  std::ranges::transform(value, value.begin(), lower);
  const bool fits = std::ranges::equal(
      value, kForm, [](char c, char form) { return form == '-' ? c == '-' : is_hexadecimal(c); });
  if (!fits) return std::nullopt;
  return json(std::move(value));
}

Result<json> declared_value(const Filter& filter, SchemaField::Type type) {
  const auto value_or = [&filter](std::optional<json> value, std::string_view why) -> Result<json> {
    if (!value) return refuse(filter, why);
    return std::move(*value);
  };
  switch (type) {
    case SchemaField::Type::string:
      return json(filter.value);
    case SchemaField::Type::number:
      return value_or(number(filter.value), "is not a number");
    case SchemaField::Type::integer: {
      auto value = number(filter.value);
      if (value && !value->is_number_integer()) value.reset();
      return value_or(std::move(value), "is not an integer");
    }
    case SchemaField::Type::boolean:
      return value_or(boolean(filter.value), "is neither true nor false");
    case SchemaField::Type::uuid:
      return value_or(uuid(filter.value), "is not a UUID");
    case SchemaField::Type::time: {
      const auto time = Timestamp::parse(filter.value);
      if (!time) return refuse(filter, time.error());
      return json(time->text());
    }
    case SchemaField::Type::nested:
      break;
  }
  CHECK(false);
}

}  // namespace

Result<std::vector<json>> filter_values(const Filter& filter, const Schema& schema) {
  std::vector<json> values;
  const auto* field = schema.field(filter.field);
  if (field != nullptr && field->type != SchemaField::Type::nested) {
    TRIBUTARY_ASSIGN(auto value, declared_value(filter, field->type));
    values.push_back(std::move(value));
    return values;
  }
  values.emplace_back(filter.value);
  if (auto value = number(filter.value)) values.push_back(std::move(*value));
  if (auto value = boolean(filter.value)) values.push_back(std::move(*value));
  return values;
}

}  // namespace tributary::collector
