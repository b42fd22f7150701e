#include "shared/mqtt/packet_front.h"

#include <catch2/catch.hpp>
#include <string>

using namespace tributary;
using Kind = PacketFront::Kind;

namespace {

constexpr std::size_t kSizeMax = 1000;

PacketFront look(const std::string& waiting) { return look_at_front(waiting, kSizeMax); }

// A PUBLISH of that many bytes, two of them its header.
std::string publish(std::size_t size) {
  return std::string("\x32") + static_cast<char>(size - 2) + std::string(size - 2, 'x');
}

}  // namespace

TEST_CASE("all packets that wait may be read, the last one in part") {
  REQUIRE(look(publish(10)).count == 1);
  const auto front = look(publish(10) + publish(100) + publish(50).substr(0, 7));
  REQUIRE(front.kind == Kind::packets);
  REQUIRE(front.count == 3);
}

TEST_CASE("a header that isn't whole says nothing yet") {
  REQUIRE(look("").kind == Kind::incomplete);
  REQUIRE(look("\x32").kind == Kind::incomplete);
  REQUIRE(look("\x32\xFF\xFF\xFF").kind == Kind::incomplete);
  REQUIRE(look(publish(10) + "\x32").count == 1);
}

TEST_CASE("a packet over the limit is found by its header, once it is the first") {
  const std::string large("\x32\xFF\xFF\xFF\x7F", 5);
  REQUIRE(look(large).kind == Kind::too_large);
  REQUIRE(look(large).size == 268'435'460);
  REQUIRE(look(publish(10) + large).count == 1);
  REQUIRE(look(std::string("\x32\xE5\x07", 3)).kind == Kind::packets);    // 1,000 bytes
  REQUIRE(look(std::string("\x32\xE6\x07", 3)).kind == Kind::too_large);  // 1,001
}

TEST_CASE("the answer to a ping is told, and ends what may be read before it") {
  const std::string pong("\xD0\x00", 2);
  const auto front = look(pong + publish(10));
  REQUIRE(front.kind == Kind::ping_response);
  REQUIRE(front.size == 2);
  REQUIRE(look(publish(10) + pong + publish(10)).count == 1);
}

TEST_CASE("what no broker sends to a client of QoS 0 and 1 is unexpected") {
  for (const char* const packet : {"\x10\x01", "\x34\x05", "\x36\x05", "\x50\x02", "\x62\x02",
                                   "\x70\x02", "\x82\x05", "\x01\x01"}) {
    CAPTURE(packet);
    REQUIRE(look(packet).kind == Kind::unexpected);
  }
}
