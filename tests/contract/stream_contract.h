#pragma once

#include <cstdint>
#include <memory>

#include "collector/stream/stream.h"

// stream_contract.cpp is what every Stream must do. An implementation passes it by a test program
// of its own, made of stream_contract.cpp, stream_verbs.cpp and a file that defines
// make_stream_place().
namespace tributary::collector {

inline constexpr std::uint64_t kStreamPlaceSize = 8U << 20;

// Where one stream is kept, between one opening and the next.
class StreamPlace {
 public:
  virtual ~StreamPlace() = default;
  // The stream with all that it holds. The one that was opened before is gone by then.
  virtual std::unique_ptr<Stream> open() = 0;
  // Whether a stream that nobody settles is full at kStreamPlaceSize bytes.
  virtual bool is_bounded() const = 0;
};

// A new and empty one.
std::unique_ptr<StreamPlace> make_stream_place();

}  // namespace tributary::collector
