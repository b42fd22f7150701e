#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "shared/base/bytes.h"
#include "shared/base/id.h"
#include "shared/base/sequence.h"

namespace tributary {

// The Correlation Data of an edge's batch, which its receipt brings back: 40 bytes, the log's id
// (16), the nonce of the process that sent it (8), first and last sequence (8 each), integers
// little-endian. The collector returns it without looking inside.
struct Correlation {
  Id log;
  std::uint64_t boot_nonce = 0;  // random for each start of the agent: tells late receipts apart
  SequenceRange range;

  bool operator==(const Correlation&) const = default;
};

inline constexpr std::size_t kCorrelationSize = 40;

inline Bytes encode(const Correlation& correlation) {
  Bytes bytes(correlation.log.bytes.begin(), correlation.log.bytes.end());
  append_le(bytes, correlation.boot_nonce);
  append_le(bytes, correlation.range.first.value);
  append_le(bytes, correlation.range.last.value);
  return bytes;
}

inline std::optional<Correlation> decode_correlation(ByteView bytes) {
  if (bytes.size() != kCorrelationSize) return std::nullopt;
  Correlation correlation;
  std::copy_n(bytes.begin(), correlation.log.bytes.size(), correlation.log.bytes.begin());
  correlation.boot_nonce = load_le<std::uint64_t>(bytes.data() + 16);
  correlation.range.first.value = load_le<std::uint64_t>(bytes.data() + 24);
  correlation.range.last.value = load_le<std::uint64_t>(bytes.data() + 32);
  return correlation;
}

}  // namespace tributary
