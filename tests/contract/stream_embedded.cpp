#include <catch2/catch.hpp>

#include "collector/stream/embedded_stream.h"
#include "tests/contract/stream_contract.h"
#include "tests/contract/stream_verbs.h"

namespace tributary::collector {
namespace {

class EmbeddedStreamPlace final : public StreamPlace {
 public:
  std::unique_ptr<Stream> open() override {
    auto stream =
        open_embedded_stream(posix_file_system(), {.directory = directory_.path(),
                                                   .topic = "sensor-events",
                                                   .group = "persisters",
                                                   .size_max = kStreamPlaceSize,
                                                   .dead_letters_size_max = kStreamPlaceSize});
    if (!stream) FAIL(stream.error().message());
    return std::move(*stream);
  }
  bool is_bounded() const override { return true; }

 private:
  stream_verbs::TemporaryDirectory directory_;
};

}  // namespace

std::unique_ptr<StreamPlace> make_stream_place() { return std::make_unique<EmbeddedStreamPlace>(); }

}  // namespace tributary::collector
