#pragma once

// For the files of shared/mqtt only.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tributary {

// What libmosquitto would read next. It makes room for as much as a packet announces, up to
// 256 MiB, and knows no limit: so its packets are looked at while they wait in the socket.
struct PacketFront {
  enum class Kind : std::uint8_t {
    incomplete,     // the first packet's header (MQTT 5, 2.1) hasn't come in whole
    packets,        // `count` of them may be read; the last one may be incomplete
    ping_response,  // first of all
    unexpected,     // a packet that no broker sends to a client of QoS 0 and 1
    too_large       // the first packet has `size` bytes
  };
  Kind kind = Kind::incomplete;
  std::size_t count = 0;
  std::size_t size = 0;
};

// `waiting` begins with a packet, and ends anywhere.
PacketFront look_at_front(std::string_view waiting, std::size_t size_max);

}  // namespace tributary
