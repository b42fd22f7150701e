#include "shared/log/envelope.h"

#include <catch2/catch.hpp>

using namespace tributary;

namespace {

Envelope full_envelope() {
  return {.flags = Envelope::kDeadLetter | Envelope::kRejectedAtIngest,
          .boot = *Id::parse("000102030405060708090a0b0c0d0e0f"),
          .monotonic = std::chrono::nanoseconds(-5),
          .received_at = {.seconds = -62'135'596'800, .nanoseconds = 1'999'999'999},
          .pipeline = "telemetry",
          .schema = "telemetry@00ff",
          .source = "mqtt",
          .edge = "gateway-7",
          .log = *Id::parse("ffffffffffffffffffffffffffffffff"),
          .sequence = {~std::uint64_t{0}},
          .replayed = "sensor-events.dead/0/17",
          .reason = "invalid",
          .detail = "humidity is 101: at most 100",
          .topic = "tributary/gateway-7/events/telemetry",
          .partition = -1,
          .offset = 17,
          .event = "{\"humidity\":101}"};
}

void require_same(const Envelope& one, const Envelope& other) {
  REQUIRE(one.flags == other.flags);
  REQUIRE(one.boot == other.boot);
  REQUIRE(one.monotonic == other.monotonic);
  REQUIRE(one.received_at == other.received_at);
  REQUIRE(one.pipeline == other.pipeline);
  REQUIRE(one.schema == other.schema);
  REQUIRE(one.source == other.source);
  REQUIRE(one.edge == other.edge);
  REQUIRE(one.log == other.log);
  REQUIRE(one.sequence == other.sequence);
  REQUIRE(one.replayed == other.replayed);
  REQUIRE(one.reason == other.reason);
  REQUIRE(one.detail == other.detail);
  REQUIRE(one.topic == other.topic);
  REQUIRE(one.partition == other.partition);
  REQUIRE(one.offset == other.offset);
  REQUIRE(one.event == other.event);
}

Bytes encoded(const Envelope& envelope) {
  Bytes bytes;
  encode(envelope, bytes);
  return bytes;
}

}  // namespace

TEST_CASE("an envelope comes back as it was") {
  Bytes bytes(3, std::byte{7});
  encode(full_envelope(), bytes);
  require_same(*decode_envelope(ByteView(bytes).subspan(3)), full_envelope());
}

TEST_CASE("empty fields take no space") {
  const Envelope envelope{.pipeline = "t", .event = "{}"};
  const auto bytes = encoded(envelope);
  REQUIRE(bytes.size() == 6 + 3 + 1 + 2);
  require_same(*decode_envelope(bytes), envelope);
}

TEST_CASE("a field of an unknown kind is passed over") {
  const Envelope envelope{.pipeline = "t", .event = "{}"};
  auto bytes = encoded(envelope);
  const Bytes unknown{std::byte{200}, std::byte{2}, std::byte{0}, std::byte{1}, std::byte{2}};
  bytes.insert(bytes.begin() + 6, unknown.begin(), unknown.end());
  store_le(bytes.data() + 2, static_cast<std::uint32_t>(4 + unknown.size()));
  require_same(*decode_envelope(bytes), envelope);
}

TEST_CASE("a newer version is told from damage") {
  auto bytes = encoded({.event = "{}"});
  bytes[0] = std::byte{2};
  REQUIRE(decode_envelope(bytes).error() == errc::unknown_version);
}

TEST_CASE("an envelope cut short anywhere is corrupt, never read beyond its end") {
  auto envelope = full_envelope();
  envelope.event = "";
  const auto bytes = encoded(envelope);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    REQUIRE(decode_envelope(cut).error() == errc::corrupt);
  }
}

TEST_CASE("a field of a wrong size is corrupt") {
  auto bytes = encoded({.sequence = {7}, .event = "{}"});
  bytes[7] = std::byte{7};  // of 8
  REQUIRE(decode_envelope(bytes).error() == errc::corrupt);
  bytes[7] = std::byte{255};
  REQUIRE(decode_envelope(bytes).error() == errc::corrupt);
}

TEST_CASE("no bytes at all make the decoder stumble") {
  auto bytes = encoded(full_envelope());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[at] ^= static_cast<std::byte>(1 << bit);
      static_cast<void>(decode_envelope(bytes));
      bytes[at] ^= static_cast<std::byte>(1 << bit);
    }
  }
}

TEST_CASE("an envelope that isn't of a replay has the bytes that it always had") {
  const auto bytes = encoded({.pipeline = "t", .sequence = {1}, .event = "{}"});
  const std::string_view expected(
      "\x01\x00\x0f\x00\x00\x00\x04\x01\x00t\x09\x08\x00\x01\x00\x00\x00\x00\x00\x00\x00{}", 23);
  REQUIRE(as_text(bytes) == expected);
}
