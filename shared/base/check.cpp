#include "shared/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace tributary {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: CHECK(%s) failed: this is a bug in Tributary\n", file, line,
               condition);
  std::abort();
}

}  // namespace tributary
