#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/id.h"
#include "shared/base/result.h"
#include "shared/base/sequence.h"
#include "shared/base/timestamp.h"

namespace tributary {

// What a record carries beside the event: the payload of a frame is an envelope and then the
// event's JSON, byte for byte. FORMAT.md has the bytes. The texts and `event` of a decoded envelope
// point into the record. Fields that are empty (0, zero id) take no space.
struct Envelope {
  enum Flag : std::uint8_t {
    kDeadLetter = 1,        // `event` is the original bytes of what could not be stored
    kRejectedAtIngest = 2,  // … and it never was in the stream
  };

  std::uint8_t flags = 0;
  Id boot{};                             // of the machine that made the record
  std::chrono::nanoseconds monotonic{};  // since that boot
  Timestamp received_at{};
  std::string_view pipeline{};
  std::string_view schema{};    // name@hash
  std::string_view source{};    // "mqtt", "http", "sensor"
  std::string_view edge{};      // the sender's id, where known
  Id log{};                     // of the sender's buffer, where known
  Sequence sequence{};          // in the sender's buffer, where known
  std::string_view replayed{};  // the dead letter that it was: "<topic>.dead/<partition>/<offset>"
  // Dead letters:
  // One word: "invalid", "conflict", "rejected", "unknown_pipeline", "damaged"; or "replayed": this
  // is no letter, but marks those of the offsets in `detail` ("3-7,9").
  std::string_view reason{};
  std::string_view detail{};
  std::string_view topic{};  // stream topic, or MQTT topic when it never was in a stream
  std::int32_t partition = 0;
  std::uint64_t offset = 0;  // sequence in that stream; 0: none

  std::string_view event{};
};

// Adds the encoded envelope and event to `to`. CHECKs that each text is at most 65,535 bytes.
void encode(const Envelope& envelope, Bytes& to);

// errc::unknown_version for a version that this program doesn't know, errc::corrupt for bytes that
// are no envelope. Fields of an unknown kind are passed over: a newer program may have added them.
Result<Envelope> decode_envelope(ByteView record);

}  // namespace tributary
