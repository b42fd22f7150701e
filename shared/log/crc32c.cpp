#include "shared/log/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace tributary {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // 0x1EDC6F41, bits reversed

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    for (std::size_t slice = 1; slice < 8; ++slice) {
      const auto last = tables[slice - 1][byte];
      tables[slice][byte] = (last >> 8) ^ tables[0][last & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

// Slicing-by-8 (M. Kounavis, F. Berry: "Novel Table Lookup-Based Algorithms for High-Performance
// CRC Generation", 2008).
std::uint32_t by_tables(std::uint32_t crc, const std::byte* at, std::size_t size) {
  for (; size >= 8; at += 8, size -= 8) {
    const auto low = load_le<std::uint32_t>(at) ^ crc;
    const auto high = load_le<std::uint32_t>(at + 4);
    crc = kTables[7][low & 0xFF] ^ kTables[6][(low >> 8) & 0xFF] ^ kTables[5][(low >> 16) & 0xFF] ^
          kTables[4][low >> 24] ^ kTables[3][high & 0xFF] ^ kTables[2][(high >> 8) & 0xFF] ^
          kTables[1][(high >> 16) & 0xFF] ^ kTables[0][high >> 24];
  }
  for (; size > 0; ++at, --size) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(*at)) & 0xFF];
  }
  return crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::uint32_t crc,
                                                               const std::byte* at,
                                                               std::size_t size) {
  std::uint64_t wide = crc;
  for (; size >= 8; at += 8, size -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; size > 0; ++at, --size) crc = _mm_crc32_u8(crc, std::to_integer<unsigned char>(*at));
  return crc;
}

bool has_instruction() { return __builtin_cpu_supports("sse4.2") != 0; }

#elif defined(__ARM_FEATURE_CRC32)

std::uint32_t by_instruction(std::uint32_t crc, const std::byte* at, std::size_t size) {
  for (; size >= 4; at += 4, size -= 4) crc = __crc32cw(crc, load_le<std::uint32_t>(at));
  for (; size > 0; ++at, --size) crc = __crc32cb(crc, std::to_integer<std::uint8_t>(*at));
  return crc;
}

bool has_instruction() { return true; }

#else

constexpr auto by_instruction = by_tables;

bool has_instruction() { return false; }

#endif

}  // namespace

std::uint32_t crc32c(ByteView bytes, std::uint32_t previous) {
  static const auto compute = has_instruction() ? by_instruction : by_tables;
  return ~compute(~previous, bytes.data(), bytes.size());
}

std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t previous) {
  return ~by_tables(~previous, bytes.data(), bytes.size());
}

}  // namespace tributary
