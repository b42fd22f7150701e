#include "shared/event/codec.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "shared/event/json.h"
#include "shared/event/key.h"

using nlohmann::json;
using tributary::Codec;
using tributary::Event;
using tributary::Schema;

namespace {

constexpr std::string_view kTelemetry =
    R"({"sensor_id":"sensor_12","timestamp":"2026-01-21T10:00:00.123Z","temperature":25.43,"humidity":60.21,)"
    R"("location":{"latitude":12.97,"longitude":77.59}})";

Codec telemetry() { return Codec(*Schema::built_in("telemetry")); }

// The telemetry event with this JSON text as its member `extra`.
std::string with_extra(std::string_view value) {
  return std::string(kTelemetry.substr(0, kTelemetry.size() - 1)) +
         ",\"extra\":" + std::string(value) + "}";
}

template <class Bytes>
std::string hexadecimal(const Bytes& bytes) {
  std::ostringstream text;
  for (const auto byte : bytes) {
    const auto value = static_cast<unsigned>(static_cast<unsigned char>(byte));
    text << "0123456789abcdef"[value >> 4U] << "0123456789abcdef"[value & 0xfU];
  }
  return text.str();
}

void require_equal(const Event& a, const Event& b) {
  REQUIRE(a.json == b.json);
  REQUIRE(a.hash == b.hash);
  REQUIRE(a.key == b.key);
  REQUIRE(a.time == b.time);
  REQUIRE(*a.document == *b.document);
}

}  // namespace

TEST_CASE("an event has its canonical text, its document, its key, its time and its hash") {
  auto codec = telemetry();
  const auto event = codec.decode(kTelemetry);
  REQUIRE(event.has_value());
  REQUIRE(
      event->json ==
      R"({"humidity":60.21,"location":{"latitude":12.97,"longitude":77.59},"sensor_id":"sensor_12",)"
      R"("temperature":25.43,"timestamp":"2026-01-21T10:00:00.123Z"})");
  REQUIRE(*event->document == json::parse(event->json));
  REQUIRE(event->time == tributary::Timestamp::parse("2026-01-21T10:00:00.123Z"));
  REQUIRE_FALSE(event->key.empty());
  REQUIRE(event->origin.source.empty());
}

TEST_CASE("events with the same content are equal, however they were written") {
  auto codec = telemetry();
  const auto event = codec.decode(kTelemetry);
  const auto same = codec.decode(R"(
    {"timestamp": "2026-01-21T15:30:00.123000+05:30", "location": {"longitude": 7.759e1, "latitude": 12.970},
     "humidity": 60.21, "temperature": 2543e-2, "sensor_id": "sensor\u005f12"})");
  REQUIRE(same.has_value());
  require_equal(*event, *same);
}

TEST_CASE("events with the same key and other content have another hash") {
  auto codec = telemetry();
  const auto event = codec.decode(kTelemetry);
  const auto other = codec.decode(with_extra("null"));
  REQUIRE(other->key == event->key);
  REQUIRE(other->hash != event->hash);
}

TEST_CASE("what the schema doesn't declare as a time or a UUID stays byte for byte") {
  auto codec = telemetry();
  const auto event = codec.decode(
      with_extra(R"(["2026-01-21T11:00:00+01:00","123E4567-E89B-12D3-A456-426614174000"])"));
  REQUIRE(event->json.find(
              R"("extra":["2026-01-21T11:00:00+01:00","123E4567-E89B-12D3-A456-426614174000"])") !=
          std::string::npos);
}

TEST_CASE("times and UUIDs are canonical wherever the schema declares them") {
  const auto schema = Schema::parse("test", R"({
    "properties": {
      "id": {"type": "string", "format": "uuid"}, "at": {"type": "string", "format": "date-time"},
      "list": {"items": {"properties": {"t": {"format": "date-time"}}, "additionalProperties": {"format": "uuid"}}},
      "maybe": {"type": ["string", "null"], "format": "date-time"}},
    "required": ["id", "at"], "x-tributary": {"key": ["id"], "time": "at"}})");
  Codec codec(*schema);
  const auto event = codec.decode(
      R"({"id":"ABCDEF01-0000-0000-0000-000000000000","at":"2026-01-01t00:00:00.5-00:00",
    "list":[{"t":"2026-01-01T01:00:00+01:00","u":"0000000A-0000-0000-0000-000000000000"}],"maybe":null})");
  REQUIRE(event.has_value());
  REQUIRE(
      event->json ==
      R"({"at":"2026-01-01T00:00:00.500Z","id":"abcdef01-0000-0000-0000-000000000000",)"
      R"("list":[{"t":"2026-01-01T00:00:00Z","u":"0000000a-0000-0000-0000-000000000000"}],"maybe":null})");
  require_equal(*event, *codec.decode(event->json));
}

TEST_CASE("canonical text decodes to the same event, with and without the schema's checks") {
  const auto extra = GENERATE(
      as<std::string>{}, "0", "-0.0", "1e300", "1E19", "1e-7", "5e-324", "0.1",
      "9223372036854775807", "25.0", R"("")", R"("\u0000\u0001\u001f\u007f\"\\\/\b\f\n\r\t")",
      R"("\ud83d\ude00\u200b\u202e\ufeff\uffff")", R"("NULL'; DROP TABLE events; --")",
      R"("$where")", R"("../../etc/passwd")", R"("%s%n")", R"("{{7*7}}")",
      R"("Z\u0351\u036b\u0343a\u030alg\u0321o")", R"("社會科學院語學研究所")",
      R"("\u0635\u0644\u0649")", R"({"$set":{"a.b":1},"":[[],{}],"a b":{"~/":null}})",
      R"(["-1e1",true,false,null])");
  auto codec = telemetry();
  const auto event = codec.decode(with_extra(extra));
  INFO(extra);
  REQUIRE(event.has_value());
  require_equal(*event, *codec.decode(event->json));
  require_equal(*event, *codec.decode_validated(event->json));
  require_equal(*event, *codec.decode_validated(with_extra(extra)));
}

TEST_CASE("decode_validated leaves the schema's checks out, and nothing else") {
  auto codec = telemetry();
  const auto verdict = [&codec](std::string_view event) {
    const auto decoded = codec.decode_validated(event);
    return decoded ? "taken" : to_text(decoded.error());
  };
  REQUIRE(verdict(R"({"sensor_id":"a","timestamp":"2026-01-21T10:00:00Z","humidity":"?"})") ==
          "taken");
  REQUIRE(verdict(R"({"sensor_id":"a","timestamp":"2026-01-21T10:00"})")
              .starts_with("/timestamp is not a time"));
  REQUIRE(verdict(R"({"sensor_id":"a"})") == "/timestamp is missing");
  REQUIRE(verdict(R"({"timestamp":"2026-01-21T10:00:00Z"})") == "/sensor_id is missing");
  REQUIRE(verdict(R"({"sensor_id":"a","timestamp":7})") ==
          "/timestamp is a number: must be a string");
  REQUIRE(verdict(R"({"sensor_id":7,"timestamp":"2026-01-21T10:00:00Z"})") ==
          "/sensor_id is a number: must be a string");
  REQUIRE(verdict(R"({"sensor_id":"a","timestamp":"2026-01-21T10:00:00Z","_id":1})") ==
          "/_id is a reserved name");
  REQUIRE(verdict(R"({"sensor_id":"a","sensor_id":"b"})") == "/sensor_id is there more than once");
  REQUIRE(verdict("[]") == "is an array: must be an object");
}

TEST_CASE("validate gives the partition field's value as text") {
  auto codec = telemetry();
  REQUIRE(codec.validate(kTelemetry) == "sensor_12");
  Codec clicks(*Schema::built_in("clickstream"));
  REQUIRE(clicks.validate(
              R"({"event_id":"123e4567-e89b-12d3-a456-426614174000","user_id":4.2e1,"event_type":"",
                              "page":"","event_time":"2026-01-21T10:00:00Z"})") == "42");
  const auto schema = Schema::parse("test", R"({
    "properties": {"id": {"type": "boolean"}, "at": {"type": "string", "format": "date-time"}},
    "required": ["id", "at"], "x-tributary": {"key": ["id"], "time": "at", "partition_by": "at"}})");
  Codec by_time(*schema);
  REQUIRE(by_time.validate(R"({"id":true,"at":"2026-01-21T11:00:00+01:00"})") ==
          "2026-01-21T10:00:00Z");
}

TEST_CASE("reserved names are refused at the top of an event only") {
  auto codec = telemetry();
  for (const std::string name :
       {"_id", "timestamp_ns", "_tributary", "_tributary_", "_tributary.hash"}) {
    auto event = json::parse(kTelemetry);
    event[name] = 1;
    REQUIRE(to_text(codec.decode(event.dump()).error()) == "/" + name + " is a reserved name");
    REQUIRE(to_text(codec.validate(event.dump()).error()) == "/" + name + " is a reserved name");
  }
  auto event = json::parse(kTelemetry);
  for (const std::string name :
       {"_", "__id", "_i", "_ids", "_tributar", "humidity_ns", "timestamp_n", "id", "Z_id"}) {
    event[name] = {{"_id", 1}, {"_tributary", 2}};
  }
  REQUIRE(codec.decode(event.dump()).has_value());
}

TEST_CASE("an event is a JSON object") {
  auto codec = telemetry();
  REQUIRE(to_text(codec.decode("[]").error()) == "is an array: must be an object");
  REQUIRE(to_text(codec.decode("null").error()) == "is null: must be an object");
  REQUIRE(to_text(codec.decode("5").error()) == "is a number: must be an object");
  REQUIRE(to_text(codec.decode("\"{}\"").error()) == "is a string: must be an object");
}

TEST_CASE("an event of 256 KiB is taken, and one byte more is refused before it is parsed") {
  auto codec = telemetry();
  const auto of_size = [](std::size_t size) {
    const auto around = with_extra("\"\"").size();
    return with_extra("\"" + std::string(size - around, 'x') + "\"");
  };
  REQUIRE(codec.decode(of_size(tributary::kEventSizeMax)).has_value());
  REQUIRE(to_text(codec.decode(of_size(tributary::kEventSizeMax + 1)).error()) ==
          "is 262145 bytes: at most 262144");
  REQUIRE(to_text(codec.validate(std::string(1U << 20U, '[')).error()) ==
          "is 1048576 bytes: at most 262144");
}

TEST_CASE("an event cut short anywhere is refused") {
  auto codec = telemetry();
  for (std::size_t size = 0; size < kTelemetry.size(); ++size) {
    // A copy without room behind it, for the address sanitizer.
    const std::vector<char> bytes(kTelemetry.begin(),
                                  kTelemetry.begin() + static_cast<std::ptrdiff_t>(size));
    const std::string_view text(bytes.data(), bytes.size());
    CAPTURE(size);
    REQUIRE_FALSE(codec.decode(text).has_value());
    REQUIRE_FALSE(codec.decode_validated(text).has_value());
    REQUIRE_FALSE(codec.validate(text).has_value());
  }
}

TEST_CASE("an event with any one byte replaced is decoded or refused, alike by all") {
  auto codec = telemetry();
  for (std::size_t at = 0; at < kTelemetry.size(); ++at) {
    for (const char byte : {'\0', '"', '\\', '{', ']', '9', '-', 'e', '\x80', '\xff'}) {
      std::string text(kTelemetry);
      text[at] = byte;
      CAPTURE(at, static_cast<int>(byte));
      const auto decoded = codec.decode(text);
      REQUIRE(decoded.has_value() == codec.validate(text).has_value());
      if (!decoded) {
        REQUIRE_FALSE(decoded.error().detail.empty());
        REQUIRE_NOTHROW(json(decoded.error().detail).dump());
        REQUIRE_NOTHROW(json(decoded.error().pointer).dump());
      }
    }
  }
}

TEST_CASE("hostile events are refused") {
  auto codec = telemetry();
  REQUIRE_FALSE(codec.decode(std::string(100'000, '[')).has_value());
  REQUIRE_FALSE(codec.decode(std::string(100'000, '{')).has_value());
  REQUIRE_FALSE(
      codec.decode(with_extra(std::string(100, '[') + std::string(100, ']'))).has_value());
  REQUIRE_FALSE(codec.decode(with_extra("\"" + std::string(1U << 20U, 'x') + "\"")).has_value());
  REQUIRE_FALSE(codec.decode(std::string(1'000, '\0')).has_value());
  REQUIRE_FALSE(codec.decode(std::string(kTelemetry) + '\0').has_value());
  REQUIRE_FALSE(codec.decode("\xef\xbb\xbf" + std::string(kTelemetry)).has_value());
}

TEST_CASE("a codec goes on after an event that it refused") {
  auto codec = telemetry();
  const auto before = codec.decode(kTelemetry);
  REQUIRE_FALSE(codec.decode("{").has_value());
  REQUIRE_FALSE(codec.decode(R"({"sensor_id":"x"})").has_value());
  require_equal(*before, *codec.decode(kTelemetry));
}

// The examples stand in the document in blocks of four lines: `schema`, `event`, `json`, `hash`,
// `key`, a name and a value each; and `number` lines with the key of a number.
TEST_CASE("CANONICAL.md says what is done") {
  std::ifstream document(TRIBUTARY_SOURCE_DIR "/shared/event/CANONICAL.md");
  REQUIRE(document.good());
  std::optional<Codec> codec;
  std::optional<Event> event;
  std::size_t examples = 0;
  for (std::string line; std::getline(document, line);) {
    if (!line.starts_with("    ")) continue;
    std::istringstream words(line);
    std::string name;
    words >> name >> std::ws;
    std::string value;
    std::getline(words, value);
    CAPTURE(line);
    if (name == "schema") {
      codec.emplace(*Schema::built_in(value));
    } else if (name == "event") {
      auto decoded = codec->decode(value);
      REQUIRE(decoded.has_value());
      event = std::move(*decoded);
      ++examples;
    } else if (name == "json") {
      REQUIRE(event->json == value);
    } else if (name == "hash") {
      REQUIRE(hexadecimal(event->hash) == value);
    } else if (name == "key") {
      std::erase(value, ' ');
      REQUIRE(hexadecimal(event->key) == value);
      json fields;
      for (const auto& field : codec->schema().key()) fields[field] = event->document->at(field);
      REQUIRE(tributary::decode_key(codec->schema(), event->key) == fields);
    } else if (name == "number") {
      Codec numbers(*Schema::parse("numbers", R"({
        "properties": {"n": {"type": "number"}, "at": {"type": "string", "format": "date-time"}},
        "required": ["n", "at"], "x-tributary": {"key": ["n"], "time": "at"}})"));
      std::istringstream parts(value);
      std::string given;
      std::string text;
      std::string key;
      parts >> given >> text >> std::ws;
      std::getline(parts, key);
      std::erase(key, ' ');
      const auto decoded = numbers.decode(R"({"at":"2026-01-21T10:00:00Z","n":)" + given + "}");
      REQUIRE(decoded->json == R"({"at":"2026-01-21T10:00:00Z","n":)" + text + "}");
      REQUIRE(hexadecimal(decoded->key) == key);
      REQUIRE(tributary::decode_key(numbers.schema(), decoded->key)->at("n") ==
              decoded->document->at("n"));
      ++examples;
    }
  }
  REQUIRE(examples >= 8);
}
