#include "shared/event/checks.h"

#include <re2/re2.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "shared/base/timestamp.h"
#include "shared/event/json.h"

namespace tributary {
namespace {

using nlohmann::json;
using Found = std::optional<Problem>;

Problem here(std::string detail) { return {.pointer = "", .detail = std::move(detail)}; }

std::string counted(std::size_t count, std::string_view noun) {
  auto text = std::to_string(count);
  text.append(" ").append(noun);
  if (count != 1) text += 's';
  return text;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

Found canonicalise_time(std::string& text) {
  const auto time = Timestamp::parse(text);
  if (!time) return here("is not a time: " + std::string(time.error()));
  auto canonical = time->text();
  if (canonical != text) text = std::move(canonical);
  return std::nullopt;
}

Found canonicalise_uuid(std::string& text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  bool fits = text.size() == kForm.size();
  for (std::size_t i = 0; fits && i < kForm.size(); ++i) {
    char& c = text[i];
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    fits = kForm[i] == 'x' ? digit : c == '-';
  }
  if (fits) return std::nullopt;
  return here("is not a UUID of the form 01234567-89ab-cdef-0123-456789abcdef");
}

Found check_string(const Checks& checks, std::string_view text) {
  if (const bool any = checks.length_min == 0 && checks.length_max >= text.size(); !any) {
    const auto length = code_points(text);
    if (length < checks.length_min) {
      return here("has " + counted(length, "character") + ": at least " +
                  std::to_string(checks.length_min));
    }
    if (length > checks.length_max) {
      return here("has " + counted(length, "character") + ": at most " +
                  std::to_string(checks.length_max));
    }
  }
  if (checks.pattern && !re2::RE2::PartialMatch(text, *checks.pattern)) {
    return here("does not match the pattern " + checks.pattern->pattern());
  }
  return std::nullopt;
}

Found check_multiple(const Decimal& divisor, const json& number) {
  if (Decimal::of(number).is_multiple_of(divisor)) return std::nullopt;
  std::string detail = "is ";
  append_canonical(number, detail);
  detail += ": must be a multiple of " + std::to_string(divisor.digits);
  if (divisor.exponent != 0) detail += "e" + std::to_string(divisor.exponent);
  return here(std::move(detail));
}

Found check_unique(const json::array_t& elements) {
  std::vector<std::pair<std::string, std::size_t>> texts(elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) {
    append_canonical(elements[i], texts[i].first);
    texts[i].second = i;
  }
  std::ranges::sort(texts);
  const auto twin = std::ranges::adjacent_find(
      texts, [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twin == texts.end()) return std::nullopt;
  return here("has equal elements at " + std::to_string(twin->second) + " and " +
              std::to_string(std::next(twin)->second));
}

Found apply_to_array(const Checks& checks, json::array_t& elements, Checks::Scope scope) {
  if (checks.items) {
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (auto problem = checks.items->apply(elements[i], scope)) {
        return within(i, std::move(*problem));
      }
    }
  }
  if (checks.unique_items && scope == Checks::Scope::everything) return check_unique(elements);
  return std::nullopt;
}

Found apply_to_object(const Checks& checks, json::object_t& members, Checks::Scope scope) {
  if (checks.property_names && scope == Checks::Scope::everything) {
    for (const auto& [name, member] : members) {
      if (auto problem = check_string(*checks.property_names, name)) {
        problem->detail.insert(0, "has a name that ");
        return within(name, std::move(*problem));
      }
    }
  }
  if (checks.additional) {
    for (auto& [name, member] : members) {
      const auto declared = checks.properties.find(name);
      const auto& of_member =
          declared == checks.properties.end() ? *checks.additional : declared->second;
      if (auto problem = of_member.apply(member, scope)) return within(name, std::move(*problem));
    }
    return std::nullopt;
  }
  for (const auto& [name, of_member] : checks.properties) {
    const auto member = members.find(name);
    if (member == members.end()) continue;
    if (auto problem = of_member.apply(member->second, scope)) {
      return within(name, std::move(*problem));
    }
  }
  return std::nullopt;
}

}  // namespace

bool Checks::empty() const {
  return format == Format::none && !pattern && length_min == 0 &&
         length_max == std::numeric_limits<std::size_t>::max() && !multiple_of && !unique_items &&
         !property_names && !items && properties.empty() && !additional;
}

std::optional<Problem> Checks::apply(json& value, Scope scope) const {
  if (auto* text = value.get_ptr<std::string*>()) {
    if (scope == Scope::everything) {
      if (auto problem = check_string(*this, *text)) return problem;
    }
    if (format == Format::time) return canonicalise_time(*text);
    if (format == Format::uuid) return canonicalise_uuid(*text);
    return std::nullopt;
  }
  if (auto* elements = value.get_ptr<json::array_t*>()) {
    return apply_to_array(*this, *elements, scope);
  }
  if (auto* members = value.get_ptr<json::object_t*>()) {
    return apply_to_object(*this, *members, scope);
  }
  if (value.is_number() && multiple_of && scope == Scope::everything) {
    return check_multiple(*multiple_of, value);
  }
  return std::nullopt;
}

}  // namespace tributary
