// The cursor's bytes, little-endian, in base64url without padding (RFC 4648, 5):
//
//     version (1 byte, 1) | seconds (8) | nanoseconds (4) | key | FNV-1a 32 (4)
//
// with the checksum of all before it and of the question that it belongs to.
//
// The checksum is there for what gets cut or edited on its way through a client, not for security:
// a cursor gives no access that the query itself doesn't give.

#include <algorithm>
#include <array>

#include "collector/store/store.h"
#include "shared/base/base64url.h"
#include "shared/base/bytes.h"

namespace tributary::collector {
namespace {

constexpr auto kVersion = std::byte{1};
constexpr std::size_t kKeyAt = 1 + sizeof(std::int64_t) + sizeof(std::int32_t);
constexpr std::size_t kTextSizeMax = 4 * (kKeyAt + kKeySizeMax + sizeof(std::uint32_t)) / 3 + 4;

// G. Fowler, L. C. Noll, K.-P. Vo: FNV-1a.
std::uint32_t checksum(ByteView bytes, std::string_view question) {
  std::uint32_t sum = 2'166'136'261U;
  const auto add = [&sum](std::byte byte) {
    sum = (sum ^ std::to_integer<std::uint32_t>(byte)) * 16'777'619U;
  };
  std::ranges::for_each(bytes, add);
  std::ranges::for_each(as_bytes(question), add);
  return sum;
}

// What Timestamp promises of itself.
bool is_time(Timestamp time) {
  constexpr std::int64_t kFirstSecond = -62'135'596'800;
  constexpr std::int64_t kLastSecond = 253'402'300'799;
  constexpr std::int32_t kSecond = 1'000'000'000;
  if (time.seconds < kFirstSecond || time.seconds > kLastSecond) return false;
  if (time.nanoseconds < 0 || time.nanoseconds >= 2 * kSecond) return false;
  const auto second_of_day = (time.seconds - kFirstSecond) % 86'400;
  return time.nanoseconds < kSecond || second_of_day == 86'399;
}

}  // namespace

std::string Keyset::text(std::string_view question) const {
  Bytes bytes{kVersion};
  append_le(bytes, static_cast<std::uint64_t>(time.seconds));
  append_le(bytes, static_cast<std::uint32_t>(time.nanoseconds));
  const auto key_bytes = as_bytes(key);
  bytes.insert(bytes.end(), key_bytes.begin(), key_bytes.end());
  append_le(bytes, checksum(bytes, question));
  return base64url(bytes);
}

std::optional<Keyset> Keyset::parse(std::string_view text, std::string_view question) {
  if (text.size() > kTextSizeMax) return std::nullopt;
  const auto bytes = from_base64url(text);
  if (!bytes || bytes->size() <= kKeyAt + sizeof(std::uint32_t)) return std::nullopt;
  if (bytes->front() != kVersion) return std::nullopt;

  const auto checked = ByteView(*bytes).first(bytes->size() - sizeof(std::uint32_t));
  if (load_le<std::uint32_t>(bytes->data() + checked.size()) != checksum(checked, question)) {
    return std::nullopt;
  }
  const auto key = checked.subspan(kKeyAt);
  const auto seconds = load_le<std::uint64_t>(checked.data() + 1);
  const auto nanoseconds = load_le<std::uint32_t>(checked.data() + 1 + sizeof(seconds));
  const Timestamp time{.seconds = static_cast<std::int64_t>(seconds),
                       .nanoseconds = static_cast<std::int32_t>(nanoseconds)};
  if (key.size() > kKeySizeMax || !is_time(time)) return std::nullopt;
  return Keyset{.time = time, .key = std::string(as_text(key))};
}

}  // namespace tributary::collector
