#include "shared/mqtt/packet_front.h"

#include <algorithm>
#include <array>

namespace tributary {
namespace {

constexpr std::uint8_t kPublish = 3;
constexpr std::uint8_t kPingResponse = 13;
// CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, DISCONNECT, AUTH.
constexpr std::array<std::uint8_t, 7> kExpected{2, kPublish, 4, 9, 11, 14, 15};
constexpr std::size_t kLengthSizeMax = 4;

std::uint8_t type_of(std::string_view packet) {
  return static_cast<std::uint8_t>(static_cast<std::uint8_t>(packet.front()) >> 4U);
}

bool is_expected(std::string_view packet) {
  const auto type = type_of(packet);
  const bool qos_2 = (static_cast<std::uint8_t>(packet.front()) & 0x04U) != 0;
  return std::ranges::find(kExpected, type) != kExpected.end() && !(type == kPublish && qos_2);
}

// Of the whole packet; 0 while its header isn't whole.
std::size_t size_of(std::string_view packet) {
  std::size_t length = 0;
  for (std::size_t i = 1; i < packet.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(packet[i]);
    length |= static_cast<std::size_t>(byte & 0x7FU) << (7 * (i - 1));
    if (byte < 0x80 || i == kLengthSizeMax) return 1 + i + length;
  }
  return 0;
}

}  // namespace

PacketFront look_at_front(std::string_view waiting, std::size_t size_max) {
  using Kind = PacketFront::Kind;
  PacketFront front;
  while (!waiting.empty()) {
    const auto size = size_of(waiting);
    const auto kind = !size                               ? Kind::incomplete
                      : type_of(waiting) == kPingResponse ? Kind::ping_response
                      : !is_expected(waiting)             ? Kind::unexpected
                      : size > size_max                   ? Kind::too_large
                                                          : Kind::packets;
    if (kind != Kind::packets) {
      // Not the first one: it gets its turn.
      if (front.count == 0) front = {.kind = kind, .count = 0, .size = size};
      return front;
    }
    front.kind = Kind::packets;
    ++front.count;
    waiting.remove_prefix(std::min(size, waiting.size()));
  }
  return front;
}

}  // namespace tributary
