// Gives any messages to the collector's MQTT ingest: topics, properties, payloads.
//
// Input: messages, between them the byte 1E. A message: its topic, a line of each user property
// ("name: value"; "retain" alone is the flag, "correlation: …" the Correlation Data), an empty
// line, the payload. Each asks for a receipt.

#include <charconv>
#include <memory>
#include <string>

#include "collector/ingest/mqtt_ingest.h"
#include "shared/base/check.h"
#include "shared/event/json.h"
#include "shared/mqtt/correlation.h"
#include "tests/fuzz/pipelines.h"
#include "tests/fuzz/scripted_broker.h"

using namespace tributary;
using namespace tributary::collector;

namespace {

constexpr int kInputsEach = 500;  // then everything is made anew: streams fill
constexpr char kMessageEnd = '\x1e';

std::string_view take(std::string_view& text, char end) {
  const auto at = std::min(text.find(end), text.size());
  const auto part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

MqttMessage read_message(std::string_view text, std::size_t number) {
  MqttMessage message;
  message.qos = 1;
  message.topic = take(text, '\n');
  auto& properties = message.properties;
  for (auto line = take(text, '\n'); !line.empty(); line = take(text, '\n')) {
    const std::string name(take(line, ':'));
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (name == "retain") {
      message.retain = true;
    } else if (name == "correlation") {
      const auto bytes = as_bytes(line);
      properties.correlation_data.assign(bytes.begin(), bytes.end());
      if (const auto read = decode_correlation(bytes)) {
        CHECK(encode(*read) == properties.correlation_data);
      }
    } else {
      properties.user_properties.emplace_back(name, line);
    }
  }
  properties.response_topic = "tributary/" + std::to_string(number) + "/receipts";
  message.payload = text;
  return message;
}

std::uint64_t number(const MqttPublication& receipt, std::string_view property) {
  const auto text = receipt.properties.user_property(property);
  CHECK(text);
  std::uint64_t value = 0;
  CHECK(std::from_chars(text->data(), text->data() + text->size(), value).ptr ==
        text->data() + text->size());
  return value;
}

class Ingest {
 public:
  Ingest() {
    Config::Mqtt config;
    auto started = MqttIngest::start(config, pipelines_.all(), pipelines_.unrouted(),
                                     pipelines_.clock(), metrics_, broker_.client());
    CHECK(started);
    ingest_ = std::move(*started);
  }

  // Every message has its receipt; every record of it was accepted or rejected, and is in a stream.
  void check(const std::vector<MqttMessage>& messages) {
    const auto before = pipelines_.count();
    const auto receipts = broker_.deliver(messages);
    CHECK(receipts.size() == messages.size());
    fuzz::Pipelines::Count told;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const auto& [topic, payload, qos, retain, properties] = receipts[i];
      CHECK(topic == messages[i].properties.response_topic);
      CHECK(properties.correlation_data == messages[i].properties.correlation_data);
      const auto rejected = number(receipts[i], "rejected");
      const auto records = number(receipts[i], "accepted") + rejected;
      check_records(messages[i], records);
      told.records += records;
      told.rejected += rejected;
    }
    const auto after = pipelines_.count();
    CHECK(after.records - before.records == told.records);
    CHECK(after.rejected - before.rejected == told.rejected);
  }

 private:
  // A message that is no pipeline's, or has no record, is one dead letter as a whole.
  static void check_records(const MqttMessage& message, std::uint64_t records) {
    const auto split = split_records(message.payload, Framing::detect).size();
    if (message.payload.empty() && message.retain) {
      CHECK(records == 0);
    } else {
      CHECK(records == 1 || records == split);
    }
  }

  fuzz::Pipelines pipelines_{fuzz::Pipelines::Stores::none};
  Metrics metrics_;
  fuzz::ScriptedBroker broker_;
  std::unique_ptr<MqttIngest> ingest_;  // last: its thread uses the rest
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<Ingest> ingest;
  static int inputs = 0;
  if (inputs++ % kInputsEach == 0) {
    ingest.reset();
    ingest = std::make_unique<Ingest>();
  }
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<MqttMessage> messages;
  while (!text.empty()) messages.push_back(read_message(take(text, kMessageEnd), messages.size()));
  if (!messages.empty()) ingest->check(messages);
  return 0;
}
