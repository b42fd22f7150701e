#include "shared/event/key.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "shared/base/check.h"
#include "shared/event/json.h"

namespace tributary {
namespace {

using nlohmann::json;

// The first byte of each field. Gaps are left for types to come.
enum Tag : unsigned char {
  kString = 0x10,
  kTime = 0x20,
  kUuid = 0x30,
  kBoolean = 0x40,
  kInteger = 0x50,
  kNumber = 0x60,
};

constexpr std::uint64_t kSign = 1ULL << 63U;
constexpr double kTwoTo63 = 0x1p63;

template <class Unsigned>
void append_big_endian(Unsigned value, std::string& to) {
  for (int shift = 8 * (static_cast<int>(sizeof(value)) - 1); shift >= 0; shift -= 8) {
    to += static_cast<char>(static_cast<unsigned char>(value >> shift));
  }
}

void append_signed(std::int64_t value, std::string& to) {
  append_big_endian(static_cast<std::uint64_t>(value) ^ kSign, to);
}

void append_text(std::string_view text, std::string& to) {
  for (;;) {
    const auto nul = text.find('\0');
    to += text.substr(0, nul);
    to += '\0';
    if (nul == std::string_view::npos) break;
    to += '\xff';
    text.remove_prefix(nul + 1);
  }
  to += '\0';
}

void append_number(const json& number, std::string& to) {
  double approximate = 0;
  std::int64_t rest = 0;
  if (const auto* integer = number.get_ptr<const std::int64_t*>()) {
    approximate = static_cast<double>(*integer);
    // Rounded up it may be 2^63, which int64 can't hold.
    rest = approximate == kTwoTo63 ? *integer - std::numeric_limits<std::int64_t>::max() - 1
                                   : *integer - static_cast<std::int64_t>(approximate);
  } else {
    approximate = *number.get_ptr<const double*>();
  }
  const auto bits = std::bit_cast<std::uint64_t>(approximate);
  append_big_endian((bits & kSign) != 0 ? ~bits : bits | kSign, to);
  append_signed(rest, to);
}

unsigned char digit_of(char c) {
  return static_cast<unsigned char>(c <= '9' ? c - '0' : c - 'a' + 10);
}

void append_uuid(std::string_view text, std::string& to) {
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    if (text[i] == '-') ++i;
    to += static_cast<char>(digit_of(text[i]) << 4U | digit_of(text[i + 1]));
  }
}

std::string_view kind_of(SchemaField::Type type) {
  switch (type) {
    case SchemaField::Type::boolean:
      return "a boolean";
    case SchemaField::Type::integer:
      return "an integer";
    case SchemaField::Type::number:
      return "a number";
    default:
      return "a string";
  }
}

// False when the value is of another type.
bool append_value(const json& value, SchemaField::Type type, std::string& to) {
  const auto* text = value.get_ptr<const std::string*>();
  switch (type) {
    case SchemaField::Type::string:
      if (text == nullptr) return false;
      to += static_cast<char>(kString);
      append_text(*text, to);
      return true;
    case SchemaField::Type::time: {
      if (text == nullptr) return false;
      const auto time = Timestamp::parse(*text);
      CHECK(time.has_value());
      to += static_cast<char>(kTime);
      append_signed(time->seconds, to);
      append_big_endian(static_cast<std::uint32_t>(time->nanoseconds), to);
      return true;
    }
    case SchemaField::Type::uuid:
      if (text == nullptr) return false;
      to += static_cast<char>(kUuid);
      append_uuid(*text, to);
      return true;
    case SchemaField::Type::boolean:
      if (!value.is_boolean()) return false;
      to += static_cast<char>(kBoolean);
      to += value.get<bool>() ? '\1' : '\0';
      return true;
    case SchemaField::Type::integer:
      if (!value.is_number_integer()) return false;
      to += static_cast<char>(kInteger);
      append_signed(value.get<std::int64_t>(), to);
      return true;
    case SchemaField::Type::number:
      if (!value.is_number()) return false;
      to += static_cast<char>(kNumber);
      append_number(value, to);
      return true;
    case SchemaField::Type::nested:
      return false;
  }
  return false;
}

// Takes a key apart, field by field. Whether the bytes are those that the values give again is left
// to the caller.
class KeyReader {
 public:
  explicit KeyReader(std::string_view key) : rest_(key) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  std::optional<json> value(SchemaField::Type type) {
    const auto tag = big_endian<std::uint8_t>();
    if (!tag) return std::nullopt;
    switch (type) {
      case SchemaField::Type::string:
        return *tag == kString ? text() : std::nullopt;
      case SchemaField::Type::time:
        return *tag == kTime ? time() : std::nullopt;
      case SchemaField::Type::uuid:
        return *tag == kUuid ? uuid() : std::nullopt;
      case SchemaField::Type::boolean:
        return *tag == kBoolean ? boolean() : std::nullopt;
      case SchemaField::Type::integer:
        return *tag == kInteger ? json_of(signed_integer()) : std::nullopt;
      case SchemaField::Type::number:
        return *tag == kNumber ? number() : std::nullopt;
      case SchemaField::Type::nested:
        break;
    }
    return std::nullopt;
  }

 private:
  template <class Unsigned>
  std::optional<Unsigned> big_endian() {
    if (rest_.size() < sizeof(Unsigned)) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
      value = value << 8U | static_cast<unsigned char>(rest_[i]);
    }
    rest_.remove_prefix(sizeof(Unsigned));
    return static_cast<Unsigned>(value);
  }

  std::optional<std::int64_t> signed_integer() {
    const auto bits = big_endian<std::uint64_t>();
    if (!bits) return std::nullopt;
    return static_cast<std::int64_t>(*bits ^ kSign);
  }

  template <class Value>
  static std::optional<json> json_of(const std::optional<Value>& value) {
    if (!value) return std::nullopt;
    return json(*value);
  }

  std::optional<json> text() {
    std::string value;
    for (;;) {
      const auto nul = rest_.find('\0');
      if (nul == std::string_view::npos || nul + 1 >= rest_.size()) return std::nullopt;
      value += rest_.substr(0, nul);
      const char escape = rest_[nul + 1];
      rest_.remove_prefix(nul + 2);
      if (escape == '\0') return json(std::move(value));
      value += '\0';
    }
  }

  std::optional<json> time() {
    const auto seconds = signed_integer();
    const auto nanoseconds = big_endian<std::uint32_t>();
    if (!seconds || !nanoseconds) return std::nullopt;
    const Timestamp time{.seconds = *seconds,
                         .nanoseconds = static_cast<std::int32_t>(*nanoseconds)};
    auto text = time.text();
    if (Timestamp::parse(text) != time) return std::nullopt;
    return json(std::move(text));
  }

  std::optional<json> uuid() {
    constexpr std::string_view kHexadecimal = "0123456789abcdef";
    constexpr std::size_t kSize = 16;
    if (rest_.size() < kSize) return std::nullopt;
    std::string value;
    for (std::size_t i = 0; i < kSize; ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) value += '-';
      const auto byte = static_cast<unsigned char>(rest_[i]);
      value += kHexadecimal[byte >> 4U];
      value += kHexadecimal[byte & 0xfU];
    }
    rest_.remove_prefix(kSize);
    return json(std::move(value));
  }

  std::optional<json> boolean() {
    const auto byte = big_endian<std::uint8_t>();
    if (!byte) return std::nullopt;
    return json(*byte != 0);
  }

  std::optional<json> number() {
    const auto ordered = big_endian<std::uint64_t>();
    const auto rest = signed_integer();
    if (!ordered || !rest) return std::nullopt;
    const auto approximate =
        std::bit_cast<double>((*ordered & kSign) != 0 ? *ordered ^ kSign : ~*ordered);
    if (!std::isfinite(approximate)) return std::nullopt;
    const bool fits = approximate >= -kTwoTo63 && approximate < kTwoTo63;
    if (*rest == 0 && !(fits && std::trunc(approximate) == approximate)) return json(approximate);
    if (!fits && !(approximate == kTwoTo63 && *rest < 0)) return std::nullopt;
    // 2^63 is one more than int64 can hold; what is missing to it is at least that one.
    const auto base =
        fits ? static_cast<std::int64_t>(approximate) : std::numeric_limits<std::int64_t>::max();
    std::int64_t value = 0;
    if (__builtin_add_overflow(base, fits ? *rest : *rest + 1, &value)) return std::nullopt;
    return json(value);
  }

  std::string_view rest_;
};

}  // namespace

std::optional<json> decode_key(const Schema& schema, std::string_view key) {
  KeyReader reader(key);
  json values = json::object();
  for (const auto& name : schema.key()) {
    auto value = reader.value(schema.field(name)->type);
    if (!value) return std::nullopt;
    values[name] = std::move(*value);
  }
  if (!reader.at_end()) return std::nullopt;
  // Bytes that are no UTF-8 give no JSON; other bytes than those of the values are no key.
  std::string text;
  append_canonical(values, text);
  if (!parse_json(text, 1)) return std::nullopt;
  std::string again;
  for (const auto& name : schema.key()) append_key_field(values, *schema.field(name), again);
  if (again != key) return std::nullopt;
  return values;
}

std::optional<Problem> append_key_field(const json& event, const SchemaField& field,
                                        std::string& to) {
  const auto found = event.find(field.name);
  if (found == event.end()) {
    return within(field.name, Problem{.pointer = "", .detail = "is missing"});
  }
  if (!append_value(*found, field.type, to)) {
    return within(field.name,
                  Problem{.pointer = "", .detail = wrong_kind(*found, kind_of(field.type))});
  }
  return std::nullopt;
}

}  // namespace tributary
