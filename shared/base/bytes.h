#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tributary {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Little-endian integers at a place in memory, whatever its alignment.
template <class Integer>
Integer load_le(const std::byte* from) {
  Integer value = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    value = static_cast<Integer>(
        value | (static_cast<Integer>(std::to_integer<Integer>(from[i])) << (8 * i)));
  }
  return value;
}
template <class Integer>
void store_le(std::byte* to, Integer value) {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(to, &value, sizeof value);
    return;
  }
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    to[i] = static_cast<std::byte>(static_cast<unsigned char>(value >> (8 * i)));
  }
}
template <class Integer>
void append_le(Bytes& to, Integer value) {
  const auto at = to.size();
  to.resize(at + sizeof(Integer));
  store_le(to.data() + at, value);
}

}  // namespace tributary
