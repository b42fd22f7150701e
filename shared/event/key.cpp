#include "shared/event/key.h"

#include <bit>
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

}  // namespace

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
