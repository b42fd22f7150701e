#include "shared/base/backoff.h"

#include <algorithm>

namespace tributary {

Backoff::Backoff(std::chrono::milliseconds least, std::chrono::milliseconds most,
                 std::uint64_t seed)
    : least_(least), most_(most), last_(least), random_(static_cast<std::uint_fast32_t>(seed)) {}

std::chrono::milliseconds Backoff::next() {
  std::uniform_int_distribution<std::chrono::milliseconds::rep> wait(
      least_.count(), std::max(least_.count(), 3 * last_.count()));
  last_ = std::min(most_, std::chrono::milliseconds(wait(random_)));
  return last_;
}

}  // namespace tributary
