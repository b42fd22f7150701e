#include "shared/log/crc32c.h"

#include <catch2/catch.hpp>
#include <random>

using tributary::as_bytes;
using tributary::Bytes;
using tributary::ByteView;
using tributary::crc32c;
using tributary::crc32c_portable;

TEST_CASE("CRC-32C of the test vectors of RFC 3720 B.4") {
  REQUIRE(crc32c({}) == 0);
  REQUIRE(crc32c(as_bytes("123456789")) == 0xE3069283);
  REQUIRE(crc32c(Bytes(32)) == 0x8A9136AA);
  REQUIRE(crc32c(Bytes(32, std::byte{0xFF})) == 0x62A8AB43);
  Bytes ascending(32);
  for (std::size_t i = 0; i < 32; ++i) ascending[i] = static_cast<std::byte>(i);
  REQUIRE(crc32c(ascending) == 0x46DD794E);
  REQUIRE(crc32c(Bytes(ascending.rbegin(), ascending.rend())) == 0x113FDB5C);
}

TEST_CASE("the processor's CRC-32C and the tables' agree, in one go and in two") {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 300; ++size) {
    Bytes bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random() & 0xFF);
    const auto crc = crc32c(bytes);
    REQUIRE(crc32c_portable(bytes) == crc);
    const auto cut = size == 0 ? 0 : random() % size;
    const ByteView view(bytes);
    REQUIRE(crc32c(view.subspan(cut), crc32c(view.first(cut))) == crc);
    REQUIRE(crc32c_portable(view.subspan(cut), crc32c_portable(view.first(cut))) == crc);
  }
}
