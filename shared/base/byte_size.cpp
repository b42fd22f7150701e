#include "shared/base/byte_size.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace tributary {

Result<std::uint64_t> parse_byte_size(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 8> kUnits{{{"", 1},
                                                                              {"B", 1},
                                                                              {"KB", 1'000},
                                                                              {"MB", 1'000'000},
                                                                              {"GB", 1'000'000'000},
                                                                              {"KiB", 1U << 10},
                                                                              {"MiB", 1U << 20},
                                                                              {"GiB", 1U << 30}}};
  const auto refuse = [&] {
    return fail(
        errc::invalid_argument,
        "\"" + std::string(text) + "\" is not a size: write it as 4096, \"64KiB\" or \"256MiB\"");
  };
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return refuse();
  auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  const auto* const found =
      std::ranges::find(kUnits, unit, [](const auto& entry) { return entry.first; });
  if (found == kUnits.end()) return refuse();
  if (number > std::numeric_limits<std::uint64_t>::max() / found->second) return refuse();
  return number * found->second;
}

}  // namespace tributary
