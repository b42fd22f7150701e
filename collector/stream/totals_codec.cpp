#include "collector/stream/totals_codec.h"

#include <cstdint>
#include <string>

namespace tributary::collector {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kSize = 1 + 4 * sizeof(std::uint64_t);

}  // namespace

Bytes encode_totals(const Totals& totals) {
  Bytes data;
  data.reserve(kSize);
  append_le(data, kVersion);
  append_le(data, totals.stored);
  append_le(data, totals.duplicates);
  append_le(data, totals.conflicts);
  append_le(data, totals.rejected);
  return data;
}

Result<Totals> decode_totals(ByteView data) {
  if (data.empty()) return fail(errc::corrupt, "the totals are empty");
  const auto version = load_le<std::uint8_t>(data.data());
  if (version != kVersion) {
    return fail(errc::unknown_version, "the totals have version " + std::to_string(version) +
                                           "; this program knows version 1: use a newer one");
  }
  if (data.size() != kSize) {
    return fail(errc::corrupt, "the totals have " + std::to_string(data.size()) + " bytes, not " +
                                   std::to_string(kSize));
  }
  const auto number = [&](std::size_t index) {
    return load_le<std::uint64_t>(data.data() + 1 + index * sizeof(std::uint64_t));
  };
  return Totals{
      .stored = number(0), .duplicates = number(1), .conflicts = number(2), .rejected = number(3)};
}

}  // namespace tributary::collector
