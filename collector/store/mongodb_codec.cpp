#include "collector/store/mongodb_codec.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "collector/store/mongodb_bson.h"
#include "collector/store/wide_time.h"
#include "shared/base/check.h"
#include "shared/base/hexadecimal.h"
#include "shared/event/json.h"
#include "shared/event/key.h"

namespace tributary::collector {
namespace {

using nlohmann::json;

constexpr const char* kMeta = "_tributary";
constexpr std::int64_t kExactInDouble = 1LL << 53U;
constexpr std::int32_t kNanosecondsPerMillisecond = 1'000'000;
constexpr std::int64_t kMillisecondsPerSecond = 1'000;

bool is_uuid(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return std::ranges::equal(text, kForm, [](char c, char form) {
    return form == '-' ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

// Whether a member that others may have written is what append_key_field() takes.
bool is_canonical(const json& event, const SchemaField& field) {
  const auto member = event.find(field.name);
  if (member == event.end()) return false;
  const auto* text = member->get_ptr<const std::string*>();
  if (field.type == SchemaField::Type::time) return text != nullptr && Timestamp::parse(*text);
  if (field.type == SchemaField::Type::uuid) return text != nullptr && is_uuid(*text);
  return true;
}

bool append_bytes(bson_t* to, std::string_view name, const std::array<std::byte, 16>& bytes) {
  return bson_append_binary(to, name.data(), static_cast<int>(name.size()), BSON_SUBTYPE_BINARY,
                            reinterpret_cast<const std::uint8_t*>(bytes.data()),
                            static_cast<std::uint32_t>(bytes.size()));
}

bool append_date(bson_t* to, std::string_view name, std::int64_t milliseconds) {
  return bson_append_date_time(to, name.data(), static_cast<int>(name.size()), milliseconds);
}

// What JSON has no value for, as MongoDB's tools show it.
json extended_json(const bson_iter_t& at) {
  constexpr std::string_view kName = "x";
  Bson document;
  bson_append_iter(document.get(), kName.data(), static_cast<int>(kName.size()), &at);
  auto parsed = parse_json(to_text(document.get()), kNestingMax);
  if (!parsed) return nullptr;
  return std::move(parsed->at(kName));
}

json time_json(std::int64_t milliseconds, std::int32_t nanoseconds) {
  const auto time =
      MongodbTime{.milliseconds = milliseconds, .nanoseconds = nanoseconds}.timestamp();
  return time ? json(time->text()) : json(milliseconds);
}

json number_json(const bson_iter_t& at) {
  constexpr double kTwoTo63 = 0x1p63;
  const double value = bson_iter_double(&at);
  if (!std::isfinite(value)) return extended_json(at);
  if (value >= -kTwoTo63 && value < kTwoTo63 && std::trunc(value) == value) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

json value_json(const bson_iter_t& at) {
  switch (bson_iter_type(&at)) {
    case BSON_TYPE_UTF8:
      return text_of(at);
    case BSON_TYPE_DOUBLE:
      return number_json(at);
    case BSON_TYPE_INT64:
    case BSON_TYPE_INT32:
      return bson_iter_as_int64(&at);
    case BSON_TYPE_BOOL:
      return bson_iter_bool(&at);
    case BSON_TYPE_NULL:
      return nullptr;
    case BSON_TYPE_DATE_TIME:
      return time_json(bson_iter_date_time(&at), 0);
    case BSON_TYPE_ARRAY: {
      auto array = json::array();
      bson_iter_t element;
      bson_iter_recurse(&at, &element);
      while (bson_iter_next(&element)) array.push_back(value_json(element));
      return array;
    }
    case BSON_TYPE_DOCUMENT: {
      json::object_t object;
      bson_iter_t member;
      bson_iter_recurse(&at, &member);
      while (bson_iter_next(&member)) {
        object.emplace_hint(object.end(), name_of(member), value_json(member));
      }
      return object;
    }
    default:
      return extended_json(at);
  }
}

bool append_value_text(const bson_iter_t& at, std::string& to);

// False for members that aren't sorted.
bool append_object_text(const bson_iter_t& at, std::string& to) {
  bson_iter_t member;
  if (!bson_iter_recurse(&at, &member)) return false;
  std::string_view last;
  char separator = '{';
  while (bson_iter_next(&member)) {
    const auto name = name_of(member);
    if (separator == ',' && name <= last) return false;
    last = name;
    to += std::exchange(separator, ',');
    append_canonical_string(name, to);
    to += ':';
    if (!append_value_text(member, to)) return false;
  }
  if (separator == '{') to += '{';
  to += '}';
  return true;
}

bool append_array_text(const bson_iter_t& at, std::string& to) {
  bson_iter_t element;
  if (!bson_iter_recurse(&at, &element)) return false;
  char separator = '[';
  while (bson_iter_next(&element)) {
    to += std::exchange(separator, ',');
    if (!append_value_text(element, to)) return false;
  }
  if (separator == '[') to += '[';
  to += ']';
  return true;
}

// The canonical text of value_json(), for what encode() makes; false for anything else.
bool append_value_text(const bson_iter_t& at, std::string& to) {
  switch (bson_iter_type(&at)) {
    case BSON_TYPE_UTF8:
      append_canonical_string(text_of(at), to);
      return true;
    case BSON_TYPE_DOUBLE: {
      const double value = bson_iter_double(&at);
      if (std::isfinite(value)) append_canonical_number(value, to);
      return std::isfinite(value);
    }
    case BSON_TYPE_INT64:
      to += std::to_string(bson_iter_int64(&at));
      return true;
    case BSON_TYPE_BOOL:
      to += bson_iter_bool(&at) ? "true" : "false";
      return true;
    case BSON_TYPE_NULL:
      to += "null";
      return true;
    case BSON_TYPE_ARRAY:
      return append_array_text(at, to);
    case BSON_TYPE_DOCUMENT:
      return append_object_text(at, to);
    default:
      return false;
  }
}

// Whether a member of the key is as encode() makes it.
bool is_of_key(const bson_iter_t& at, SchemaField::Type type) {
  switch (type) {
    case SchemaField::Type::string:
      return BSON_ITER_HOLDS_UTF8(&at);
    case SchemaField::Type::uuid:
      return BSON_ITER_HOLDS_UTF8(&at) && is_uuid(text_of(at));
    case SchemaField::Type::integer:
      return BSON_ITER_HOLDS_INT64(&at);
    case SchemaField::Type::boolean:
      return BSON_ITER_HOLDS_BOOL(&at);
    case SchemaField::Type::number:
    case SchemaField::Type::time:
    case SchemaField::Type::nested:
      return false;  // rare: decode() knows
  }
  return false;
}

}  // namespace

struct MongodbCodec::Numbers {
  bool here = false;
  std::map<std::string, Numbers, std::less<>> members;
  std::unique_ptr<Numbers> additional;
  std::unique_ptr<Numbers> items;

  static Numbers of(const json& schema) {
    Numbers numbers;
    if (!schema.is_object()) return numbers;
    const auto is_number = [](const json& type) { return type == "number"; };
    if (const auto type = schema.find("type"); type != schema.end()) {
      numbers.here = type->is_array() ? std::ranges::any_of(*type, is_number) : is_number(*type);
    }
    if (const auto properties = schema.find("properties"); properties != schema.end()) {
      for (const auto& [name, property] : properties->items()) {
        numbers.members.emplace(name, of(property));
      }
    }
    const auto below = [&schema](const char* keyword) {
      const auto found = schema.find(keyword);
      return found == schema.end() ? nullptr : std::make_unique<Numbers>(of(*found));
    };
    numbers.additional = below("additionalProperties");
    numbers.items = below("items");
    return numbers;
  }

  [[nodiscard]] const Numbers* member(std::string_view name) const {
    const auto found = members.find(name);
    return found == members.end() ? additional.get() : &found->second;
  }
};

namespace {

// False when a name has a NUL in it, which BSON can't have.
bool append_value(bson_t* to, std::string_view name, const json& value,
                  const MongodbCodec::Numbers* numbers) {
  if (name.find('\0') != std::string_view::npos) return false;
  switch (value.type()) {
    case json::value_t::object: {
      BsonObject object(to, name);
      return std::ranges::all_of(*value.get_ptr<const json::object_t*>(), [&](const auto& member) {
        return append_value(object.get(), member.first, member.second,
                            numbers == nullptr ? nullptr : numbers->member(member.first));
      });
    }
    case json::value_t::array: {
      BsonArray array(to, name);
      return std::ranges::all_of(*value.get_ptr<const json::array_t*>(), [&](const auto& element) {
        return append_value(array.get(), array.next(), element,
                            numbers == nullptr ? nullptr : numbers->items.get());
      });
    }
    case json::value_t::string:
      return append_text(to, name, *value.get_ptr<const std::string*>());
    case json::value_t::boolean:
      return append_bool(to, name, *value.get_ptr<const bool*>());
    case json::value_t::number_integer:
    case json::value_t::number_unsigned: {
      const auto integer = *value.get_ptr<const std::int64_t*>();
      const bool as_double = numbers != nullptr && numbers->here && integer <= kExactInDouble &&
                             integer >= -kExactInDouble;
      return as_double ? append_double(to, name, static_cast<double>(integer))
                       : append_integer(to, name, integer);
    }
    case json::value_t::number_float:
      return append_double(to, name, *value.get_ptr<const double*>());
    case json::value_t::null:
    case json::value_t::binary:  // no JSON: nothing of ours makes them
    case json::value_t::discarded:
      return append_null(to, name);
  }
  return false;
}

// The JSON Pointer of the first name that has a NUL in it; empty without one.
std::string name_with_nul(const json& value) {
  if (value.is_object()) {
    for (const auto& [name, member] : value.items()) {
      if (name.find('\0') != std::string::npos) return "/" + name.substr(0, name.find('\0')) + "…";
      if (auto below = name_with_nul(member); !below.empty()) {
        return std::string("/").append(name).append(below);
      }
    }
  }
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (auto below = name_with_nul(value[i]); !below.empty()) {
        return "/" + std::to_string(i) + below;
      }
    }
  }
  return {};
}

}  // namespace

MongodbTime MongodbTime::of(Timestamp time) {
  constexpr std::int32_t kLastMillisecond = 999;
  const auto millisecond =
      std::min(time.nanoseconds / kNanosecondsPerMillisecond, kLastMillisecond);
  return {.milliseconds = kMillisecondsPerSecond * time.seconds + millisecond,
          .nanoseconds = time.nanoseconds - millisecond * kNanosecondsPerMillisecond};
}

std::optional<Timestamp> MongodbTime::timestamp() const {
  constexpr std::int64_t kFirst = -62'135'596'800 * kMillisecondsPerSecond;
  constexpr std::int64_t kLast = 253'402'300'800 * kMillisecondsPerSecond - 1;
  if (milliseconds < kFirst || milliseconds > kLast) return std::nullopt;
  auto seconds = milliseconds / kMillisecondsPerSecond;
  auto millisecond = milliseconds % kMillisecondsPerSecond;
  if (millisecond < 0) {
    millisecond += kMillisecondsPerSecond;
    --seconds;
  }
  const auto below = millisecond * kNanosecondsPerMillisecond + nanoseconds;
  const Timestamp time{.seconds = seconds, .nanoseconds = static_cast<std::int32_t>(below)};
  if (nanoseconds < 0 || below != time.nanoseconds) return std::nullopt;
  const bool leaps = nanoseconds >= kNanosecondsPerMillisecond;
  if (leaps && Timestamp::parse(time.text()) != time) return std::nullopt;
  return time;
}

MongodbCodec::MongodbCodec(const Schema& schema)
    : schema_(schema), time_ns_(schema.time() + "_ns") {
  for (const auto& field : schema.fields()) {
    if (field.type == SchemaField::Type::time && field.name != schema.time()) {
      other_times_.push_back(field.name);
    }
  }
  for (const auto& name : schema.key()) key_.push_back(*schema.field(name));
  const auto text = parse_json(schema.text(), kNestingMax);
  CHECK(text.has_value());  // it is a schema
  numbers_ = std::make_shared<const Numbers>(Numbers::of(*text));
}

bool MongodbCodec::is_other_time(std::string_view field) const {
  return !other_times_.empty() && std::ranges::find(other_times_, field) != other_times_.end();
}

std::optional<std::string> MongodbCodec::encode(const Event& event, const bson_oid_t& id,
                                                bson_t* to) const {
  bool fits = bson_append_oid(to, "_id", 3, &id);
  for (const auto& [name, value] : *event.document->get_ptr<const json::object_t*>()) {
    if (name == schema_.time()) {
      const auto time = MongodbTime::of(event.time);
      fits = fits && append_date(to, name, time.milliseconds) &&
             bson_append_int32(to, time_ns_.data(), static_cast<int>(time_ns_.size()),
                               time.nanoseconds);
    } else {
      fits = fits && append_field(name, value, name, to);
    }
  }
  fits = fits && append_meta(event, to);
  if (fits) return std::nullopt;
  if (const auto name = name_with_nul(*event.document); !name.empty()) {
    return name + " has a NUL in its name: MongoDB can't store that";
  }
  return "is too large for a MongoDB document";
}

bool MongodbCodec::append_field(std::string_view field, const json& value, std::string_view name,
                                bson_t* to) const {
  if (const auto* text = value.get_ptr<const std::string*>(); text && is_other_time(field)) {
    if (const auto time = Timestamp::parse(*text)) return append_text(to, name, wide_time(*time));
  }
  return append_value(to, name, value, numbers_->member(field));
}

bool MongodbCodec::append_meta(const Event& event, bson_t* to) const {
  const auto& origin = event.origin;
  BsonObject meta(to, kMeta);
  bool fits = append_bytes(meta.get(), "hash", event.hash);
  const auto add_text = [&](std::string_view name, std::string_view text) {
    if (!text.empty()) fits = fits && append_text(meta.get(), name, text);
  };
  if (origin.received_at != Timestamp{}) {
    fits = fits &&
           append_date(meta.get(), "received_at", MongodbTime::of(origin.received_at).milliseconds);
  }
  add_text("source", origin.source);
  add_text("schema", origin.schema);
  add_text("edge", origin.edge);
  if (origin.log != Id{}) fits = fits && append_bytes(meta.get(), "log", origin.log.bytes);
  if (origin.sequence != Sequence{}) {
    fits = fits &&
           append_integer(meta.get(), "sequence", static_cast<std::int64_t>(origin.sequence.value));
  }
  add_text("replayed", origin.replayed);
  return fits;
}

json MongodbCodec::decode(const bson_t* document) const {
  json::object_t event;
  std::int64_t milliseconds = 0;
  std::int32_t nanoseconds = 0;
  bool timed = false;
  bson_iter_t at;
  if (!bson_iter_init(&at, document)) return event;
  while (bson_iter_next(&at)) {
    const auto name = name_of(at);
    if (name == "_id" || name == kMeta) continue;
    if (name == time_ns_) {
      nanoseconds = static_cast<std::int32_t>(bson_iter_as_int64(&at));
    } else if (name == schema_.time() && BSON_ITER_HOLDS_DATE_TIME(&at)) {
      milliseconds = bson_iter_date_time(&at);
      timed = true;
    } else if (is_other_time(name) && BSON_ITER_HOLDS_UTF8(&at)) {
      event.emplace_hint(event.end(), name, narrow_time(text_of(at)));
    } else {
      event.emplace_hint(event.end(), name, value_json(at));
    }
  }
  if (timed) event.emplace(schema_.time(), time_json(milliseconds, nanoseconds));
  return event;
}

std::optional<Timestamp> MongodbCodec::append_event(const bson_t* document, std::string& to) const {
  const auto begin = to.size();
  std::optional<Timestamp> time;
  std::size_t keys = 0;
  const auto append = [&](bson_iter_t& at) {
    std::string_view last;
    char separator = '{';
    while (bson_iter_next(&at)) {
      const auto name = name_of(at);
      if (name == "_id" || name == kMeta) continue;
      if (separator == ',' && name <= last) return false;
      last = name;
      to += std::exchange(separator, ',');
      append_canonical_string(name, to);
      to += ':';
      if (name == schema_.time()) {
        time = time_at(at);
        if (!time) return false;
        to += '"';
        time->append_text(to);
        to += '"';
        last = time_ns_;
        keys += static_cast<std::size_t>(std::ranges::count(key_, name, &SchemaField::name));
        continue;
      }
      if (is_other_time(name) || !append_value_text(at, to)) return false;
      const auto key = std::ranges::find(key_, name, &SchemaField::name);
      if (key == key_.end()) continue;
      if (!is_of_key(at, key->type)) return false;
      ++keys;
    }
    to += '}';
    return time && keys == key_.size();
  };
  bson_iter_t at;
  if (bson_iter_init(&at, document) && append(at)) return time;
  to.resize(begin);
  return std::nullopt;
}

// Of the time's two members, of which the second one stands behind the first.
std::optional<Timestamp> MongodbCodec::time_at(bson_iter_t& at) const {
  if (!BSON_ITER_HOLDS_DATE_TIME(&at)) return std::nullopt;
  const auto milliseconds = bson_iter_date_time(&at);
  if (!bson_iter_next(&at) || name_of(at) != time_ns_ || !BSON_ITER_HOLDS_INT32(&at)) {
    return std::nullopt;
  }
  return MongodbTime{.milliseconds = milliseconds, .nanoseconds = bson_iter_int32(&at)}.timestamp();
}

json MongodbCodec::decode_meta(const bson_t* document) {
  auto meta = json::object();
  bson_iter_t at;
  bson_iter_t member;
  if (!bson_iter_init_find(&at, document, kMeta) || !BSON_ITER_HOLDS_DOCUMENT(&at) ||
      !bson_iter_recurse(&at, &member)) {
    return meta;
  }
  while (bson_iter_next(&member)) {
    auto& value = meta[std::string(name_of(member))];
    if (BSON_ITER_HOLDS_BINARY(&member)) {
      std::uint32_t size = 0;
      const std::uint8_t* bytes = nullptr;
      bson_iter_binary(&member, nullptr, &size, &bytes);
      value = hexadecimal({reinterpret_cast<const char*>(bytes), size});
    } else {
      value = value_json(member);
    }
  }
  return meta;
}

std::optional<std::string> MongodbCodec::key_of(const json& event) const {
  std::string key;
  for (const auto& field : key_) {
    if (!is_canonical(event, field) || append_key_field(event, field, key)) return std::nullopt;
  }
  return key;
}

std::optional<Keyset> MongodbCodec::place_of(const json& event) const {
  const auto member = event.find(schema_.time());
  const auto* text = member == event.end() ? nullptr : member->get_ptr<const std::string*>();
  const auto time = text == nullptr ? Timestamp::parse("") : Timestamp::parse(*text);
  auto key = key_of(event);
  if (!time || !key) return std::nullopt;
  return Keyset{.time = *time, .key = std::move(*key)};
}

}  // namespace tributary::collector
