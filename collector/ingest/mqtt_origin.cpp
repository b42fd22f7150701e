#include "collector/ingest/mqtt_origin.h"

#include <charconv>
#include <cstdint>
#include <memory>

namespace tributary::collector {
namespace {

constexpr std::uint64_t kSequenceMax = 1ULL << 62U;  // stores keep 63 bits
constexpr std::size_t kEdgeIdSizeMax = 64;  // DESIGN 8; a device may put anything into its topic

}  // namespace

Origin origin_of(const MqttMessage& message, std::string_view edge) {
  Origin origin{.source = "mqtt",
                .topic = message.topic,
                .edge = edge.substr(0, kEdgeIdSizeMax),
                .log = {},
                .sequence = {}};
  const auto log = message.properties.user_property("log");
  const auto sequence = message.properties.user_property("sequence");
  if (!log || !sequence) return origin;
  const auto id = Id::parse(*log);
  std::uint64_t first = 0;
  const auto* const last = std::to_address(sequence->end());
  const auto [end, error] = std::from_chars(std::to_address(sequence->begin()), last, first);
  const bool possible = first > 0 && first < kSequenceMax;
  if (!id || error != std::errc{} || end != last || !possible) return origin;
  origin.log = *id;
  origin.sequence = {first};
  return origin;
}

}  // namespace tributary::collector
