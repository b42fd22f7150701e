#pragma once

// For .cpp files only: Catch2 has a macro of the same name, so no header of ours includes this.

namespace tributary {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace tributary

// A condition that only a bug can break. Aborts, in release builds too: going on would store
// something that nobody sent.
#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::tributary::check_failed(#condition, __FILE__, __LINE__))
