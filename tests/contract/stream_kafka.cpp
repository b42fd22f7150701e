#include <catch2/catch.hpp>

#include "tests/contract/stream_contract.h"
#include "tests/integration/kafka_fixture.h"

namespace tributary::collector {
namespace {

class KafkaStreamPlace final : public StreamPlace {
 public:
  std::unique_ptr<Stream> open() override { return place_.open(); }
  bool is_bounded() const override { return false; }

 private:
  KafkaPlace place_;
};

}  // namespace

std::unique_ptr<StreamPlace> make_stream_place() { return std::make_unique<KafkaStreamPlace>(); }

}  // namespace tributary::collector
