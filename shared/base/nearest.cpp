#include "shared/base/nearest.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace tributary {
namespace {

// The number of insertions, removals, replacements and swaps of neighbours between two short words
// (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> above(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::vector<std::size_t> row{i + 1};
    for (std::size_t j = 0; j < b.size(); ++j) {
      std::size_t least =
          std::min({above[j + 1] + 1, row[j] + 1, above[j] + (a[i] == b[j] ? 0U : 1U)});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
        least = std::min(least, before[j - 1] + 1);
      row.push_back(least);
    }
    before = std::exchange(above, std::move(row));
  }
  return above.back();
}

}  // namespace

std::string_view nearest(std::string_view name, std::span<const std::string_view> known) {
  std::string_view found;
  // Of a short name most must be right.
  std::size_t least = std::min(std::max<std::size_t>(2, name.size() / 3), name.size() / 2) + 1;
  for (const auto candidate : known) {
    if (const auto apart = distance(name, candidate); apart < least) {
      least = apart;
      found = candidate;
    }
  }
  return found;
}

}  // namespace tributary
