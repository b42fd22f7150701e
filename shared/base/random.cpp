#include "shared/base/random.h"

#include <sys/random.h>

#include <cstring>

#include "shared/base/check.h"
#include "shared/base/scheduler.h"

namespace tributary {

void fill_random(std::span<std::byte> bytes) {
  auto* const simulated = scheduler();
  while (!bytes.empty()) {
    std::uint64_t number = 0;
    if (simulated != nullptr) {
      number = simulated->random();
    } else {
      CHECK(getrandom(&number, sizeof number, 0) == static_cast<ssize_t>(sizeof number));
    }
    const auto size = std::min(bytes.size(), sizeof number);
    std::memcpy(bytes.data(), &number, size);
    bytes = bytes.subspan(size);
  }
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  fill_random(std::as_writable_bytes(std::span(&number, 1)));
  return number;
}

}  // namespace tributary
