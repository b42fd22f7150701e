#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "shared/base/result.h"
#include "shared/event/problem.h"

namespace tributary {

// Checks values against a schema by valijson; the one place that knows it. Immutable; any thread
// may use it.
class Validation {
 public:
  // `schema` holds only keywords that valijson 1.0 knows and gets right, well-formed: subset.h
  // makes it so.
  static Result<Validation> compile(nlohmann::json schema);
  Validation(Validation&&) noexcept;
  Validation& operator=(Validation&&) noexcept;
  ~Validation();

  // The first problem, if there is one.
  [[nodiscard]] std::optional<Problem> check(const nlohmann::json& value) const;

 private:
  struct Compiled;
  explicit Validation(std::unique_ptr<const Compiled> compiled);
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace tributary
