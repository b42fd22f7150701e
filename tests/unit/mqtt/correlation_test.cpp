#include "shared/mqtt/correlation.h"

#include <catch2/catch.hpp>

using tributary::Correlation;
using tributary::decode_correlation;
using tributary::Id;

namespace {

Correlation example() {
  return {.log = *Id::parse("000102030405060708090a0b0c0d0e0f"),
          .boot_nonce = 0x1122334455667788,
          .range = {{0x0102}, {0xA0B0C0D0E0F00001}}};
}

std::string hex(tributary::ByteView bytes) {
  std::string text;
  for (const auto byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    text += "0123456789abcdef"[value >> 4];
    text += "0123456789abcdef"[value & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("correlation data has the log's id as it is, and three little-endian integers") {
  REQUIRE(hex(encode(example())) ==
          "000102030405060708090a0b0c0d0e0f"
          "8877665544332211"
          "0201000000000000"
          "0100f0e0d0c0b0a0");
}

TEST_CASE("correlation data comes back as it was, and nothing else passes for it") {
  auto bytes = encode(example());
  REQUIRE(bytes.size() == tributary::kCorrelationSize);
  REQUIRE(decode_correlation(bytes) == example());
  bytes.push_back({});
  REQUIRE(!decode_correlation(bytes));
  bytes.resize(tributary::kCorrelationSize - 1);
  REQUIRE(!decode_correlation(bytes));
  REQUIRE(!decode_correlation({}));
}
