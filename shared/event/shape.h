#pragma once

#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tributary {

// The short way to a yes: most events are valid, and most schemas ask for types, members and bounds
// only. What a Shape accepts, valijson would accept, in a tenth of the time; to what it doesn't
// accept valijson says the last word. Immutable; any thread may use it.
class Shape {
 public:
  // Nothing for a schema with any other keyword: then valijson checks every event. `schema` is as
  // Validation::compile() takes it.
  static std::optional<Shape> of(const nlohmann::json& schema);

  [[nodiscard]] bool accepts(const nlohmann::json& value) const;

 private:
  bool read(const nlohmann::json& schema);
  [[nodiscard]] bool accepts_members(const nlohmann::json& object) const;

  unsigned types_ = ~0U;  // a bit for each that is allowed
  double least_ = -std::numeric_limits<double>::infinity();
  double most_ = std::numeric_limits<double>::infinity();
  double above_ = -std::numeric_limits<double>::infinity();
  double below_ = std::numeric_limits<double>::infinity();
  bool bounded_ = false;
  std::vector<std::string> required_;                      // sorted
  std::vector<std::pair<std::string, Shape>> properties_;  // sorted
  bool additional_allowed_ = true;
  std::shared_ptr<const Shape> additional_;  // of members that are not declared
};

}  // namespace tributary
