// Decodes any bytes as an event of each built-in schema, and splits them into records.

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "shared/base/check.h"
#include "shared/event/codec.h"
#include "shared/event/json.h"

using namespace tributary;

namespace {

// One schema, by a fresh codec and by one that is used for all: nothing is kept from event to
// event.
class Decoding {
 public:
  explicit Decoding(std::string_view name) : schema_(*Schema::built_in(name)), codec_(schema_) {}

  void check(std::string_view text) {
    const auto event = Codec(schema_).decode(text);
    const auto again = codec_.decode(text);
    CHECK(event.has_value() == again.has_value());
    CHECK(codec_.validate(text).has_value() == event.has_value());
    if (!event) {
      CHECK(!event.error().detail.empty());
      CHECK(to_text(event.error()) == to_text(again.error()));
      return;
    }
    check_same(*event, *again);
    const auto trusted = codec_.decode_validated(text);
    CHECK(trusted);
    check_same(*event, *trusted);
    const auto stored = codec_.decode(event->json);
    CHECK(stored);
    check_same(*event, *stored);
  }

 private:
  static void check_same(const Event& one, const Event& other) {
    CHECK(one.json == other.json);
    CHECK(one.key == other.key);
    CHECK(one.time == other.time);
    CHECK(one.hash == other.hash);
  }

  Schema schema_;
  Codec codec_;
};

// Records are parts of the text, in order; between them there is only what separates records.
void check_split(std::string_view text, Framing framing) {
  const auto records = split_records(text, framing);
  const auto* at = text.data();
  const auto* const end = text.data() + text.size();
  const bool array = framing == Framing::detect &&
                     text.find_first_not_of(" \t\r\n") != std::string_view::npos &&
                     text[text.find_first_not_of(" \t\r\n")] == '[';
  const std::string_view separators = array ? " \t\r\n[]," : " \t\r\n";
  std::size_t commas = 0;
  const auto skip_to = [&](const char* to) {
    CHECK(at <= to && to <= end);
    for (; at != to; ++at) {
      CHECK(separators.contains(*at));
      commas += *at == ',' ? 1U : 0U;
    }
  };
  for (const auto record : records) {
    CHECK(!record.empty());
    skip_to(record.data());
    at += record.size();
  }
  skip_to(end);
  CHECK(commas == 0 || commas + 1 == records.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::array decodings{Decoding("telemetry"), Decoding("clickstream"),
                              Decoding("measurement")};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_split(text, Framing::detect);
  check_split(text, Framing::ndjson);
  for (auto& decoding : decodings) decoding.check(text);
  return 0;
}
