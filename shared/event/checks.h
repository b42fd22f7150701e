#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "shared/event/decimal.h"
#include "shared/event/problem.h"

namespace re2 {
class RE2;
}

namespace tributary {

// The keywords of one subschema, and of those inside of it, that we check ourselves: format and
// pattern, for which valijson 1.0 compiles a std::regex each time, and what it gets wrong (it
// counts a string's characters up to a NUL, takes 5.5 and "5" for multiples of 5, and compares
// every element with every other). Immutable once it is made; any thread may use it.
struct Checks {
  enum class Format { none, time, uuid };
  enum class Scope { everything, formats };  // formats: of what is known to be valid

  Format format = Format::none;
  std::shared_ptr<const re2::RE2> pattern;
  std::size_t length_min = 0;  // code points
  std::size_t length_max = std::numeric_limits<std::size_t>::max();
  std::optional<Decimal> multiple_of;
  bool unique_items = false;
  std::unique_ptr<Checks> property_names;
  std::unique_ptr<Checks> items;
  // The declared members that have something to check, or all of them beside `additional`.
  std::map<std::string, Checks, std::less<>> properties;
  std::unique_ptr<Checks> additional;  // for the members that are not declared

  [[nodiscard]] bool empty() const;

  // The first problem, if there is one; `value` has the canonical text of its times and UUIDs then
  // as far as they were reached.
  std::optional<Problem> apply(nlohmann::json& value, Scope scope) const;
};

}  // namespace tributary
