#include "collector/store/postgresql_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "collector/store/canonical_member.h"
#include "collector/store/wide_time.h"
#include "shared/base/hexadecimal.h"
#include "shared/event/json.h"
#include "shared/event/key.h"

namespace tributary::collector {
namespace {

using Kind = PostgresqlColumn::Kind;
using nlohmann::json;

constexpr std::int64_t kMicrosecondsPerSecond = 1'000'000;
constexpr std::int32_t kNanosecondsPerMicrosecond = 1'000;
constexpr std::int64_t kSecondsTo2000 = 946'684'800;  // PostgreSQL's times begin there
constexpr std::size_t kUuidSize = 16;
constexpr char kJsonbVersion = 1;
constexpr int kOwnColumns = 3;  // behind <time>_ns: extra, hash, meta

// Big-endian integers, as everywhere in PostgreSQL's binary form.
template <class Integer>
void append(std::string& to, Integer value) {
  std::array<char, sizeof(Integer)> bytes{};
  for (std::size_t i = bytes.size(); i-- > 0;) {
    bytes.at(i) = static_cast<char>(value & 0xff);
    value = static_cast<Integer>(static_cast<std::make_unsigned_t<Integer>>(value) >> 8U);
  }
  to.append(bytes.data(), bytes.size());
}
void append(std::string& to, std::int8_t value) { to += static_cast<char>(value); }

template <class Integer>
Integer load(std::string_view bytes) {
  std::make_unsigned_t<Integer> value = 0;
  for (const char byte : bytes.substr(0, sizeof(Integer))) {
    value = static_cast<std::make_unsigned_t<Integer>>((std::uint64_t{value} << 8U) |
                                                       static_cast<unsigned char>(byte));
  }
  return static_cast<Integer>(value);
}

void append_null(std::string& to) { append(to, std::int32_t{-1}); }

template <class Integer>
void append_integer(std::string& to, Integer value) {
  append(to, static_cast<std::int32_t>(sizeof(Integer)));
  append(to, value);
}

void append_text(std::string& to, std::string_view text) {
  append(to, static_cast<std::int32_t>(text.size()));
  to += text;
}

void append_jsonb(std::string& to, std::string_view text) {
  append(to, static_cast<std::int32_t>(text.size() + 1));
  to += kJsonbVersion;
  to += text;
}

std::int64_t since_2000(std::int64_t microseconds) {
  return microseconds - kSecondsTo2000 * kMicrosecondsPerSecond;
}

// Infinity, of others, stays as far away as it is.
std::int64_t from_2000(std::int64_t microseconds) {
  constexpr std::int64_t kFar = 1LL << 60U;
  return std::clamp(microseconds, -kFar, kFar) + kSecondsTo2000 * kMicrosecondsPerSecond;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The bytes of a canonical UUID.
std::optional<std::array<char, kUuidSize>> uuid_of(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  std::array<char, kUuidSize> bytes{};
  if (text.size() != kForm.size()) return std::nullopt;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kForm[i] == '-') {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int digit = digit_of(text[i]);
    if (digit < 0) return std::nullopt;
    auto& byte = bytes.at(digits / 2);
    byte = static_cast<char>(unsigned{static_cast<unsigned char>(byte)} << 4U |
                             static_cast<unsigned>(digit));
    ++digits;
  }
  return bytes;
}

std::string uuid_text(std::string_view bytes) {
  auto text = hexadecimal(bytes);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) {
    if (at <= text.size()) text.insert(at, "-");
  }
  return text;
}

// Whether a canonical JSON text has a NUL in a string or a name, which jsonb can't hold.
bool has_nul(std::string_view text) {
  constexpr std::string_view kEscaped = "\\u0000";
  for (auto at = text.find(kEscaped); at != std::string_view::npos;
       at = text.find(kEscaped, at + 1)) {
    // Not when the backslash is one that is escaped itself.
    const auto before = text.substr(0, at).find_last_not_of('\\');
    const auto backslashes = at - (before == std::string_view::npos ? 0 : before + 1);
    if (backslashes % 2 == 0) return true;
  }
  return false;
}

std::string refuse_nul(std::string_view name, std::string_view state) {
  const auto shown = name.substr(0, name.find('\0'));
  return "/" + std::string(shown) + (shown.size() < name.size() ? "…" : "") +
         " has a NUL in it: PostgreSQL can't store that (SQLSTATE " + std::string(state) + ")";
}

// A double, as an event has it.
json number_json(double value) {
  constexpr double kTwoTo63 = 0x1p63;
  if (std::isnan(value)) return "NaN";  // of others
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  if (value >= -kTwoTo63 && value < kTwoTo63 && std::trunc(value) == value) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

void normalize(json& value) {
  switch (value.type()) {
    case json::value_t::object:
      for (auto& member : *value.get_ptr<json::object_t*>()) normalize(member.second);
      break;
    case json::value_t::array:
      for (auto& element : *value.get_ptr<json::array_t*>()) normalize(element);
      break;
    case json::value_t::number_unsigned:
    case json::value_t::number_float:
      if (value.is_number_float() ||
          value.get<std::uint64_t>() >
              static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        value = number_json(value.get<double>());
      } else {
        value = value.get<std::int64_t>();
      }
      break;
    default:
      break;
  }
}

// Whether the nearest double is the integer itself.
bool is_exact(std::int64_t value) {
  constexpr double kTwoTo63 = 0x1p63;
  const auto nearest = static_cast<double>(value);
  return nearest < kTwoTo63 && static_cast<std::int64_t>(nearest) == value;
}

std::string canonical_text(const json& value) {
  std::string text;
  append_canonical(value, text);
  return text;
}

// A text as JSON. Most have nothing to be escaped.
void append_quoted(std::string& to, std::string_view text) {
  const bool plain = std::ranges::all_of(
      text, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '"' && c != '\\'; });
  if (plain) {
    (to += '"').append(text) += '"';
  } else {
    append_canonical(json(text), to);
  }
}

std::string meta_text(const Event::Origin& origin) {
  std::string text;
  const auto name = [&text](std::string_view member) {
    text.append(text.empty() ? "{\"" : ",\"").append(member).append("\":");
  };
  const auto add = [&](std::string_view member, std::string_view value) {
    if (value.empty()) return;
    name(member);
    append_quoted(text, value);
  };
  if (origin.received_at != Timestamp()) {
    name("received_at");
    text += '"';
    origin.received_at.append_text(text);
    text += '"';
  }
  add("source", origin.source);
  add("schema", origin.schema);
  add("edge", origin.edge);
  if (origin.log != Id()) add("log", origin.log.text());
  if (origin.sequence != Sequence()) {
    name("sequence");
    text += std::to_string(origin.sequence.value);
  }
  add("replayed", origin.replayed);
  if (!text.empty()) text += '}';
  return text;
}

// What became of a member on its way into its column.
enum class Held { wholly, nearly, not_at_all };

Held append_number(std::string& to, const json& value) {
  double number = 0;
  auto held = Held::wholly;
  if (const auto* integer = value.get_ptr<const std::int64_t*>()) {
    number = static_cast<double>(*integer);
    if (!is_exact(*integer)) held = Held::nearly;
  } else if (const auto* real = value.get_ptr<const double*>()) {
    number = *real;
  } else {
    return Held::not_at_all;
  }
  append_integer(to, std::bit_cast<std::int64_t>(number));
  return held;
}

Held append_time(std::string& to, std::string_view text, Kind kind) {
  const auto time = Timestamp::parse(text);
  if (!time) return Held::not_at_all;
  if (kind == Kind::exact_time) {
    append_text(to, wide_time(*time));
    return Held::wholly;
  }
  const auto [microseconds, nanoseconds] = PostgresqlTime::of(*time);
  append_integer(to, since_2000(microseconds));
  return nanoseconds == 0 ? Held::wholly : Held::nearly;
}

// `text` is the canonical one of the value.
Held append_value(std::string& to, Kind kind, const json& value, std::string_view text) {
  const auto* const string = value.get_ptr<const std::string*>();
  switch (kind) {
    case Kind::text:
      if (string == nullptr) return Held::not_at_all;
      append_text(to, *string);
      return Held::wholly;
    case Kind::integer: {
      const auto* const integer = value.get_ptr<const std::int64_t*>();
      if (integer == nullptr) return Held::not_at_all;
      append_integer(to, *integer);
      return Held::wholly;
    }
    case Kind::number:
      return append_number(to, value);
    case Kind::exact_number:
      if (!value.is_number()) return Held::not_at_all;
      append_text(to, text);
      return Held::wholly;
    case Kind::boolean: {
      const auto* const boolean = value.get_ptr<const bool*>();
      if (boolean == nullptr) return Held::not_at_all;
      append_integer(to, static_cast<std::int8_t>(*boolean ? 1 : 0));
      return Held::wholly;
    }
    case Kind::uuid: {
      const auto uuid = string == nullptr ? std::nullopt : uuid_of(*string);
      if (!uuid) return Held::not_at_all;
      append_text(to, {uuid->data(), uuid->size()});
      return Held::wholly;
    }
    case Kind::time:
    case Kind::exact_time:
      return string == nullptr ? Held::not_at_all : append_time(to, *string, kind);
    case Kind::nested:
      if (value.is_null()) return Held::not_at_all;
      append_jsonb(to, text);
      return Held::wholly;
  }
  return Held::not_at_all;
}

// The SQLSTATE with which the server would refuse it; empty when it takes it.
std::string_view state_of_nul(Kind kind, const json& value, std::string_view text) {
  const auto* const string = value.get_ptr<const std::string*>();
  if (string != nullptr && kind == Kind::text) {
    return string->find('\0') == std::string::npos ? "" : "22021";
  }
  return (string != nullptr || value.is_structured()) && has_nul(text) ? "22P05" : "";
}

json value_json(Kind kind, std::string_view bytes) {
  switch (kind) {
    case Kind::text:
      return bytes;
    case Kind::exact_time:
      return narrow_time(bytes);
    case Kind::integer:
      return load<std::int64_t>(bytes);
    case Kind::number:
      return number_json(std::bit_cast<double>(load<std::int64_t>(bytes)));
    case Kind::exact_number:
      return json_of(bytes);
    case Kind::boolean:
      return bytes.front() != 0;
    case Kind::uuid:
      return uuid_text(bytes);
    case Kind::time: {
      const auto time =
          PostgresqlTime{.microseconds = from_2000(load<std::int64_t>(bytes))}.timestamp();
      return time ? json(time->text()) : json(nullptr);  // of others
    }
    case Kind::nested:
      break;
  }
  return json_of(bytes.substr(1));
}

}  // namespace

json json_of(std::string_view jsonb_text) {
  auto value = json::parse(jsonb_text, nullptr, false);
  if (value.is_discarded()) return std::string(jsonb_text);  // NaN, of others
  normalize(value);
  return value;
}

PostgresqlTime PostgresqlTime::of(Timestamp time) {
  constexpr std::int32_t kLastMicrosecond = 999'999;
  const auto microsecond =
      std::min(time.nanoseconds / kNanosecondsPerMicrosecond, kLastMicrosecond);
  return {.microseconds = kMicrosecondsPerSecond * time.seconds + microsecond,
          .nanoseconds = time.nanoseconds - microsecond * kNanosecondsPerMicrosecond};
}

std::optional<Timestamp> PostgresqlTime::timestamp() const {
  auto seconds = microseconds / kMicrosecondsPerSecond;
  auto microsecond = microseconds % kMicrosecondsPerSecond;
  if (microsecond < 0) {
    microsecond += kMicrosecondsPerSecond;
    --seconds;
  }
  const auto below = microsecond * kNanosecondsPerMicrosecond + nanoseconds;
  const Timestamp time{.seconds = seconds, .nanoseconds = static_cast<std::int32_t>(below)};
  constexpr std::int64_t kFirstSecond = -62'135'596'800;
  constexpr std::int64_t kLastSecond = 253'402'300'799;
  if (nanoseconds < 0 || below != time.nanoseconds || seconds < kFirstSecond ||
      seconds > kLastSecond || Timestamp::parse(time.text()) != time || of(time) != *this) {
    return std::nullopt;
  }
  return time;
}

std::string PostgresqlTime::text() const {
  const auto time = PostgresqlTime{.microseconds = microseconds}.timestamp();
  if (time) return time->text();
  return microseconds < 0 ? "-infinity" : "infinity";
}

PostgresqlCodec::PostgresqlCodec(const Schema& schema, const PostgresqlLayout& layout)
    : schema_(schema), layout_(layout) {
  for (const auto& name : schema.key()) key_.push_back(*schema.field(name));
}

std::optional<std::string> PostgresqlCodec::encode(const Event& event, std::int32_t ordinal,
                                                   std::string& to) const {
  const auto& columns = layout_.columns();
  const auto begin = to.size();
  append(to, static_cast<std::int16_t>(1 + columns.size() + 1 + kOwnColumns));
  append_integer(to, ordinal);

  // Members, their texts and columns are all in the order of names.
  std::string extra;
  CanonicalMembers texts(event.json);
  auto column = columns.begin();
  for (const auto& [name, value] : *event.document->get_ptr<const json::object_t*>()) {
    texts.next();
    for (; column != columns.end() && column->name < name; ++column) append_null(to);
    const bool declared = column != columns.end() && column->name == name;
    const auto kind = declared ? column->kind : Kind::nested;
    auto held = Held::not_at_all;
    auto state = state_of_nul(kind, value, texts.value());
    if (!declared && state.empty() && has_nul(texts.name())) state = "22P05";
    if (!state.empty()) {
      to.resize(begin);
      return refuse_nul(name, state);
    }
    if (declared) {
      if (name == layout_.time()) {
        append_integer(to, since_2000(PostgresqlTime::of(event.time).microseconds));
        held = Held::wholly;
      } else {
        held = append_value(to, kind, value, texts.value());
        if (held == Held::not_at_all) append_null(to);
      }
      ++column;
    }
    if (held == Held::wholly) continue;
    extra += extra.empty() ? '{' : ',';
    extra.append(texts.name()).append(":").append(texts.value());
  }
  for (; column != columns.end(); ++column) append_null(to);

  append_integer(to, PostgresqlTime::of(event.time).nanoseconds);
  if (extra.empty()) {
    append_null(to);
  } else {
    append_jsonb(to, extra += '}');
  }
  append_text(to, {reinterpret_cast<const char*>(event.hash.data()), event.hash.size()});
  if (const auto meta = meta_text(event.origin); meta.empty()) {
    append_null(to);
  } else {
    append_jsonb(to, meta);
  }
  return std::nullopt;
}

std::string_view PostgresqlCodec::begin_of_rows() {
  // Signature, flags, size of the header's extension (PostgreSQL's documentation of COPY).
  constexpr std::string_view kHeader("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", 19);
  return kHeader;
}

std::string_view PostgresqlCodec::end_of_rows() { return {"\xff\xff", 2}; }

json PostgresqlCodec::decode(const PostgresqlRows& rows, int row, int first) const {
  json event = json::object();
  int at = first;
  for (const auto& [name, kind, indexed] : layout_.columns()) {
    if (!rows.is_null(row, at)) event[name] = value_json(kind, rows.bytes(row, at));
    ++at;
  }
  // The time has more in the next column.
  const auto time_at =
      first + static_cast<int>(layout_.column(layout_.time()) - layout_.columns().data());
  const auto member = event.find(layout_.time());
  const auto exact = decode_time(rows, row, time_at, at);
  if (exact && member != event.end() && member->is_string()) *member = exact->text();
  ++at;
  if (!rows.is_null(row, at)) {
    auto extra = json_of(rows.bytes(row, at).substr(1));
    if (extra.is_object()) event.update(extra);
  }
  return event;
}

std::optional<Timestamp> PostgresqlCodec::decode_time(const PostgresqlRows& rows, int row,
                                                      int microseconds, int nanoseconds) {
  if (rows.is_null(row, microseconds)) return std::nullopt;
  PostgresqlTime time{.microseconds = from_2000(load<std::int64_t>(rows.bytes(row, microseconds)))};
  if (!rows.is_null(row, nanoseconds)) {
    time.nanoseconds = load<std::int32_t>(rows.bytes(row, nanoseconds));
  }
  return time.timestamp();
}

json PostgresqlCodec::decode_meta(const PostgresqlRows& rows, int row) const {
  const int at = static_cast<int>(layout_.columns().size()) + 2;
  auto meta = json::object();
  if (!rows.is_null(row, at + 1)) {
    if (auto stored = json_of(rows.bytes(row, at + 1).substr(1)); stored.is_object()) {
      meta = std::move(stored);
    }
  }
  if (!rows.is_null(row, at)) meta["hash"] = hexadecimal(rows.bytes(row, at));
  return meta;
}

std::optional<std::string> PostgresqlCodec::parameter(const PostgresqlColumn& column,
                                                      const json& value) {
  std::string bytes;
  if (append_value(bytes, column.kind, value, "") != Held::wholly) return std::nullopt;
  const auto* const string = value.get_ptr<const std::string*>();
  if (string != nullptr && string->find('\0') != std::string::npos) return std::nullopt;
  if (string != nullptr && column.kind == Kind::exact_time)
    return wide_time(Timestamp::parse(*string).value());
  return string != nullptr ? *string : canonical_text(value);
}

std::optional<Keyset> PostgresqlCodec::place_of(const json& event) const {
  Keyset place;
  for (const auto& field : key_) {
    const auto member = event.find(field.name);
    if (member == event.end()) return std::nullopt;
    const auto* const text = member->get_ptr<const std::string*>();
    const bool is_time = field.type == SchemaField::Type::time;
    if (is_time && (text == nullptr || !Timestamp::parse(*text))) return std::nullopt;
    if (append_key_field(event, field, place.key)) return std::nullopt;
  }
  const auto member = event.find(layout_.time());
  const auto* const text = member == event.end() ? nullptr : member->get_ptr<const std::string*>();
  const auto time = text == nullptr ? std::unexpected(std::string_view()) : Timestamp::parse(*text);
  if (!time) return std::nullopt;
  place.time = *time;
  return place;
}

}  // namespace tributary::collector
