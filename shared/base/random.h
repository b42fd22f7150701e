#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tributary {

// Numbers that nobody can foresee, from the kernel; in a simulation those of its seed.
void fill_random(std::span<std::byte> bytes);
std::uint64_t random_number();

}  // namespace tributary
