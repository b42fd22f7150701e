#pragma once

#include <chrono>
#include <cstdint>
#include <random>

#include "shared/base/random.h"

namespace tributary {

// How long to wait before the next try: decorrelated jitter (M. Brooker, "Exponential Backoff And
// Jitter", 2015): each wait is random between `least` and three times the last one, at most `most`,
// so that many clients that failed together don't come back together. One thread.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds least, std::chrono::milliseconds most,
          std::uint64_t seed = random_number());

  std::chrono::milliseconds next();
  // Call it once things work for longer than a moment: a peer that accepts and then throws us out
  // must not bring the short waits back.
  void reset() { last_ = least_; }

 private:
  std::chrono::milliseconds least_;
  std::chrono::milliseconds most_;
  std::chrono::milliseconds last_;
  std::minstd_rand random_;
};

}  // namespace tributary
