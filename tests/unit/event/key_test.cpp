#include "shared/event/key.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <tuple>

#include "shared/event/codec.h"
#include "shared/event/json.h"

using nlohmann::json;
using tributary::append_key_field;
using tributary::Codec;
using tributary::decode_key;
using tributary::parse_json;
using tributary::Schema;

namespace {

// Makes keys of one or two fields, of the types given.
class Keys {
 public:
  explicit Keys(const json& type) : codec_(make({{"k0", type}})) {}
  Keys(const json& first, const json& second) : codec_(make({{"k0", first}, {"k1", second}})) {}

  [[nodiscard]] const Schema& schema() const { return codec_.schema(); }

  // The key of an event with these values, given as JSON.
  std::string operator()(const std::string& value) { return key_of("\"k0\":" + value); }
  std::string operator()(const std::string& first, const std::string& second) {
    return key_of("\"k0\":" + first + ",\"k1\":" + second);
  }

 private:
  std::string key_of(const std::string& members) {
    const auto decoded = codec_.decode(R"({"at":"2026-01-21T10:00:00Z",)" + members + "}");
    INFO(members << (decoded ? "" : to_text(decoded.error())));
    REQUIRE(decoded.has_value());
    return decoded->key;
  }

  static Schema make(const std::map<std::string, json>& fields) {
    auto schema = json::parse(R"({"properties": {"at": {"type": "string", "format": "date-time"}},
                        "required": ["at"], "x-tributary": {"time": "at"}})");
    for (const auto& [name, type] : fields) {
      schema["properties"][name] = type;
      schema["required"].push_back(name);
      schema["x-tributary"]["key"].push_back(name);
    }
    return *Schema::parse("test", schema.dump());
  }

  Codec codec_;
};

const json kString{{"type", "string"}};
const json kInteger{{"type", "integer"}};
const json kNumber{{"type", "number"}};
const json kBoolean{{"type", "boolean"}};
const json kTime{{"type", "string"}, {"format", "date-time"}};
const json kUuid{{"type", "string"}, {"format", "uuid"}};

// What memcmp says of two keys.
int order(const std::string& a, const std::string& b) { return std::clamp(a.compare(b), -1, 1); }

template <class Value>
int order_of_values(const Value& a, const Value& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

void require_ascending(Keys& keys, const std::vector<std::string>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = 0; j < values.size(); ++j) {
      CAPTURE(values[i], values[j]);
      REQUIRE(order(keys(values[i]), keys(values[j])) == order_of_values(i, j));
    }
  }
}

}  // namespace

TEST_CASE("string keys are in the order of their bytes, a prefix before the whole") {
  Keys keys(kString);
  require_ascending(
      keys, {R"("")", R"("\u0000")", R"("\u0000\u0000")", R"("\u0000a")", R"("\u0001")", R"("A")",
             R"("a")", R"("a\u0000")", R"("a\u0000b")", R"("a\u0001")", R"("aa")", R"("b")",
             R"("\u007f")", R"("é")", R"("\uffff")", R"("\ud800\udc00")"});
}

TEST_CASE("time keys are in the order of time, leap seconds too") {
  Keys keys(kTime);
  require_ascending(
      keys, {"\"0001-01-01T00:00:00Z\"", "\"1969-12-31T23:59:59.999999999Z\"",
             "\"1970-01-01T00:00:00Z\"", "\"2016-12-31T23:59:59.999999999Z\"",
             "\"2016-12-31T23:59:60Z\"", "\"2016-12-31T23:59:60.999Z\"", "\"2017-01-01T00:00:00Z\"",
             "\"2026-01-21T10:00:00.000000001Z\"", "\"9999-12-31T23:59:59.999999999Z\""});
  REQUIRE(keys("\"2026-01-21T10:00:00.10Z\"") == keys("\"2026-01-21t11:00:00.1+01:00\""));
}

TEST_CASE("integer keys are in the order of their values") {
  Keys keys(kInteger);
  require_ascending(keys, {"-9223372036854775808", "-9223372036854775807", "-256", "-255", "-1",
                           "0", "1", "255", "256", "9223372036854775806", "9223372036854775807"});
  REQUIRE(keys("5") == keys("5.0"));
  REQUIRE(keys("0") == keys("-0.0"));
}

TEST_CASE("number keys are in the order of their values, integers and doubles mixed and exact") {
  Keys keys(kNumber);
  require_ascending(keys, {"-1.7976931348623157e308",
                           "-9223372036854777856.0",
                           "-9223372036854775808",
                           "-9223372036854775807",
                           "-9007199254740993",
                           "-9007199254740992",
                           "-9007199254740991",
                           "-1.5",
                           "-1",
                           "-5e-324",
                           "0",
                           "5e-324",
                           "0.1",
                           "1",
                           "1.5",
                           "2",
                           "9007199254740991",
                           "9007199254740992",
                           "9007199254740993",
                           "9007199254740994",
                           "9223372036854774784",
                           "9223372036854775295",
                           "9223372036854775296",
                           "9223372036854775297",
                           "9223372036854775806",
                           "9223372036854775807",
                           "9223372036854775808.0",
                           "9223372036854777856.0",
                           "1e300"});
  REQUIRE(keys("5") == keys("5.0"));
  REQUIRE(keys("0") == keys("-0.0"));
}

TEST_CASE("boolean and UUID keys are in order, the case of a UUID doesn't count") {
  Keys booleans(kBoolean);
  require_ascending(booleans, {"false", "true"});
  Keys uuids(kUuid);
  require_ascending(
      uuids,
      {"\"00000000-0000-0000-0000-000000000000\"", "\"09000000-0000-0000-0000-000000000000\"",
       "\"0a000000-0000-0000-0000-000000000000\"", "\"123e4567-e89b-12d3-a456-426614174000\"",
       "\"ffffffff-ffff-ffff-ffff-ffffffffffff\""});
  REQUIRE(uuids("\"123E4567-E89B-12D3-A456-426614174000\"") ==
          uuids("\"123e4567-e89b-12d3-a456-426614174000\""));
}

TEST_CASE("the first key field decides before the second") {
  Keys keys(kString, kInteger);
  REQUIRE(order(keys(R"("a")", "9"), keys(R"("ab")", "1")) == -1);
  REQUIRE(order(keys(R"("a\u0000")", "1"), keys(R"("a")", "9")) == 1);
  REQUIRE(order(keys(R"("a")", "-1"), keys(R"("a")", "1")) == -1);
}

TEST_CASE("the order of keys is the order of values, whatever the values") {
  const auto seed = std::random_device{}();
  UNSCOPED_INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Keys keys(kString, kNumber);

  // Few values of each kind, so that equal ones and close ones come up often.
  const auto text = [&random] {
    constexpr std::string_view kBytes("\0\0\1ab\x7f", 6);
    std::string value;
    for (auto size = random() % 5; size > 0; --size)
      value += kBytes[static_cast<std::size_t>(random() % kBytes.size())];
    return value;
  };
  const auto number = [&random]() -> json {
    const auto base = static_cast<std::int64_t>(random());
    switch (random() % 5) {
      case 0:
        return base >> (random() % 64);
      case 1:
        return static_cast<std::int64_t>(random() % 8) - 4;
      case 2:
        return INT64_MAX - static_cast<std::int64_t>(random() % 2'000);
      case 3:
        return std::ldexp(static_cast<double>(base >> 10U), static_cast<int>(random() % 80) - 60);
      default:
        return (static_cast<double>(random() % 16) - 8) / 2;
    }
  };
  const auto model = [](const json& a, const json& b) {
    // What is beyond 64 bits, else the whole part and the rest: no type of every processor holds
    // both.
    const auto exact = [](const json& value) -> std::tuple<double, std::int64_t, double> {
      if (value.is_number_integer()) return {0, value.get<std::int64_t>(), 0};
      const auto real = value.get<double>();
      if (std::abs(real) >= 0x1p63) return {real, 0, 0};
      const auto whole = std::floor(real);
      return {0, static_cast<std::int64_t>(whole), real - whole};
    };
    return order_of_values(exact(a), exact(b));
  };
  for (int i = 0; i < 4'000; ++i) {
    const std::pair first(text(), number());
    const std::pair second(i % 2 == 0 ? first.first : text(), number());
    const auto key = [&](const auto& value) {
      return keys(json(value.first).dump(), value.second.dump());
    };
    CAPTURE(seed, first.first, first.second.dump(), second.first, second.second.dump());
    const auto by_text = order_of_values(first.first, second.first);
    REQUIRE(order(key(first), key(second)) ==
            (by_text != 0 ? by_text : model(first.second, second.second)));
  }
}

TEST_CASE("a key that is too long for the stores' indexes is refused") {
  const auto schema = Schema::parse("test", R"({
    "properties": {"id": {"type": "string"}, "at": {"type": "string", "format": "date-time"}},
    "required": ["id", "at"], "x-tributary": {"key": ["id"], "time": "at"}})");
  Codec codec(*schema);
  const auto event = [](std::size_t size) {
    return R"({"at":"2026-01-21T10:00:00Z","id":")" + std::string(size, 'x') + "\"}";
  };
  REQUIRE(codec.decode(event(1'021)).has_value());
  REQUIRE(codec.validate(event(1'021)).has_value());
  REQUIRE(codec.decode_validated(event(1'021)).has_value());
  for (const auto& problem :
       {codec.decode(event(1'022)).error(), codec.decode_validated(event(1'022)).error(),
        codec.validate(event(1'022)).error()}) {
    REQUIRE(to_text(problem) == "has a key of 1025 bytes (CANONICAL.md): at most 1024");
  }
}

TEST_CASE("a key decodes to the values that it was made of") {
  Keys keys(kString, kNumber);
  for (const auto* text : {R"("")", R"("a\u0000")", R"("\u0000\u0000b")", R"("é😀")"}) {
    for (const auto* number : {"0", "-1.5e300", "5e-324", "0.1", "1", "-9223372036854775808",
                               "-9007199254740993", "9007199254740993", "9223372036854775295",
                               "9223372036854775807", "9223372036854775808.0", "1e300"}) {
      CAPTURE(text, number);
      const auto values = decode_key(keys.schema(), keys(text, number));
      REQUIRE(values.has_value());
      REQUIRE(*values == json{{"k0", json::parse(text)}, {"k1", *parse_json(number, 1)}});
    }
  }
  Keys times(kTime, kUuid);
  const auto key =
      times(R"("2016-12-31T23:59:60.5Z")", R"("6BA7B810-9dad-11d1-80b4-00c04fd430c8")");
  REQUIRE(decode_key(times.schema(), key) ==
          json{{"k0", "2016-12-31T23:59:60.500Z"}, {"k1", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}});
  Keys others(kBoolean, kInteger);
  REQUIRE(decode_key(others.schema(), others("true", "-7")) == json{{"k0", true}, {"k1", -7}});
}

TEST_CASE("bytes that are no key of the schema decode to nothing") {
  Keys keys(kString, kInteger);
  const auto key = keys(R"("a")", "1");
  REQUIRE(decode_key(keys.schema(), key).has_value());
  for (std::size_t size = 0; size < key.size(); ++size) {
    REQUIRE_FALSE(decode_key(keys.schema(), key.substr(0, size)).has_value());
  }
  REQUIRE_FALSE(decode_key(keys.schema(), key + '\0').has_value());
  REQUIRE_FALSE(decode_key(Keys(kInteger, kString).schema(), key).has_value());
  REQUIRE_FALSE(decode_key(Keys(kString).schema(), key).has_value());

  const auto refused = [](const json& type, const std::vector<unsigned char>& bytes) {
    return !decode_key(Keys(type).schema(), std::string(bytes.begin(), bytes.end())).has_value();
  };
  REQUIRE(refused(kString, {0x10, 0xff, 0, 0}));       // no UTF-8
  REQUIRE(refused(kString, {0x10, 'a', 0, 1, 0, 0}));  // no escape
  REQUIRE(refused(kBoolean, {0x40, 2}));
  REQUIRE(refused(kTime, {0x20, 0x80, 0, 0, 0, 0x69, 0x70, 0xa3, 0xa0, 0x77, 0x35, 0x94, 0}));
  REQUIRE(refused(kTime, {0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}));
  // -0, not a number, a rest where the double says it all, and one beyond int64.
  REQUIRE(refused(kNumber, {0x60, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  //
                            0x80, 0, 0, 0, 0, 0, 0, 0}));
  REQUIRE(refused(kNumber, {0x60, 0xff, 0xf8, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0}));
  REQUIRE(refused(kNumber, {0x60, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}));
  REQUIRE(refused(kNumber, {0x60, 0xc3, 0xe0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}));
}

TEST_CASE("no bytes break the decoding of keys, and only a key's own bytes give its values") {
  const auto seed = std::random_device{}();
  UNSCOPED_INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Keys keys(kString, kNumber);
  const auto key = keys(R"("a\u0000b")", "9007199254740993");
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = key;
    for (auto changes = 1 + random() % 3; changes > 0; --changes) {
      bytes[static_cast<std::size_t>(random() % bytes.size())] = static_cast<char>(random());
    }
    const auto values = decode_key(keys.schema(), bytes);
    if (!values) continue;
    CAPTURE(seed, i, values->dump());
    std::string again;
    for (const auto* name : {"k0", "k1"}) {
      REQUIRE_FALSE(append_key_field(*values, *keys.schema().field(name), again));
    }
    REQUIRE(again == bytes);
  }
}
