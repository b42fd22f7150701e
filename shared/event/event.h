#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "shared/base/id.h"
#include "shared/base/sequence.h"
#include "shared/base/timestamp.h"

namespace tributary {

inline constexpr std::size_t kEventSizeMax = 256U << 10;  // bytes of JSON
inline constexpr std::size_t kNestingMax = 64;
inline constexpr std::size_t kKeySizeMax = 1024;  // bytes of an event's key: stores index it

// XXH3-128 of the canonical JSON, big-endian (the form that XXH128_canonicalFromHash gives).
using ContentHash = std::array<std::byte, 16>;

// One event, ready for a store.
struct Event {
  Event();
  Event(Event&&) noexcept;
  Event& operator=(Event&&) noexcept;
  ~Event();

  // CANONICAL.md says what canonical means. Two events with the same content have the same text.
  std::string json;
  std::unique_ptr<const nlohmann::json> document;  // what `json` says, parsed
  // The key's values in an encoding whose order, byte by byte, is the order of the values, field by
  // field: strings by their UTF-8 bytes, numbers by value. Equal keys, equal bytes.
  std::string key;
  Timestamp time;
  ContentHash hash{};

  // Where it came from; empty or zero where unknown.
  struct Origin {
    Timestamp received_at;
    std::string source;
    std::string schema;  // name@hash
    std::string edge;
    Id log;
    Sequence sequence;
    std::string replayed{};  // the place of the dead letter that it was
  } origin;
};

}  // namespace tributary
