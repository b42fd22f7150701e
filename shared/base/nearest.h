#pragma once

#include <span>
#include <string_view>

namespace tributary {

// Which of the `known` names was probably meant by `name`, for "did you mean …?"; empty: none is
// near enough.
std::string_view nearest(std::string_view name, std::span<const std::string_view> known);

}  // namespace tributary
