#include "shared/log/envelope.h"

#include <algorithm>
#include <limits>

#include "shared/base/check.h"

namespace tributary {
namespace {

constexpr std::uint8_t kEnvelopeVersion = 1;
constexpr std::size_t kHeadSize = 6;       // version, flags, u32 size of the fields
constexpr std::size_t kFieldHeadSize = 3;  // tag, u16 length
constexpr std::size_t kTextSizeMax = std::numeric_limits<std::uint16_t>::max();

// Never given another meaning; a field that goes leaves its number unused.
enum class Tag : std::uint8_t {
  boot = 1,
  monotonic = 2,
  received_at = 3,
  pipeline = 4,
  schema = 5,
  source = 6,
  edge = 7,
  log = 8,
  sequence = 9,
  reason = 10,
  detail = 11,
  topic = 12,
  partition = 13,
  offset = 14,
  replayed = 15,
};

constexpr std::size_t kTimestampSize = 12;

// Calls visit(tag, value) for each field that isn't empty; a value is a text, an Id, or an integer.
template <class Visit>
void for_each_field(const Envelope& envelope, Visit visit) {
  const auto text = [&](Tag tag, std::string_view value) {
    if (!value.empty()) visit(tag, value);
  };
  const auto id = [&](Tag tag, const Id& value) {
    if (value != Id{}) {
      visit(tag, std::string_view(reinterpret_cast<const char*>(value.bytes.data()),
                                  value.bytes.size()));
    }
  };
  const auto number = [&](Tag tag, auto value) {
    std::byte bytes[sizeof(value)];
    if (value == 0) return;
    store_le(bytes, std::make_unsigned_t<decltype(value)>(value));
    visit(tag, as_text(bytes));
  };
  id(Tag::boot, envelope.boot);
  number(Tag::monotonic, std::int64_t{envelope.monotonic.count()});
  if (envelope.received_at != Timestamp{}) {
    std::byte bytes[kTimestampSize];
    store_le(bytes, static_cast<std::uint64_t>(envelope.received_at.seconds));
    store_le(bytes + 8, static_cast<std::uint32_t>(envelope.received_at.nanoseconds));
    visit(Tag::received_at, as_text(bytes));
  }
  text(Tag::pipeline, envelope.pipeline);
  text(Tag::schema, envelope.schema);
  text(Tag::source, envelope.source);
  text(Tag::edge, envelope.edge);
  id(Tag::log, envelope.log);
  number(Tag::sequence, envelope.sequence.value);
  text(Tag::reason, envelope.reason);
  text(Tag::detail, envelope.detail);
  text(Tag::topic, envelope.topic);
  number(Tag::partition, envelope.partition);
  number(Tag::offset, envelope.offset);
  text(Tag::replayed, envelope.replayed);
}

// False when a field that we know has another size than it must have.
bool take_field(Envelope& envelope, Tag tag, ByteView bytes) {
  const auto id = [&](Id& value) {
    if (bytes.size() != value.bytes.size()) return false;
    std::ranges::copy(bytes, value.bytes.begin());
    return true;
  };
  const auto text = [&](std::string_view& value) {
    value = as_text(bytes);
    return true;
  };
  const auto number = [&]<class Integer>(Integer& value) {
    if (bytes.size() != sizeof(Integer)) return false;
    value = static_cast<Integer>(load_le<std::make_unsigned_t<Integer>>(bytes.data()));
    return true;
  };
  switch (tag) {
    case Tag::boot:
      return id(envelope.boot);
    case Tag::monotonic: {
      std::int64_t nanoseconds = 0;
      if (!number(nanoseconds)) return false;
      envelope.monotonic = std::chrono::nanoseconds(nanoseconds);
      return true;
    }
    case Tag::received_at:
      if (bytes.size() != kTimestampSize) return false;
      envelope.received_at = {static_cast<std::int64_t>(load_le<std::uint64_t>(bytes.data())),
                              static_cast<std::int32_t>(load_le<std::uint32_t>(bytes.data() + 8))};
      return true;
    case Tag::pipeline:
      return text(envelope.pipeline);
    case Tag::schema:
      return text(envelope.schema);
    case Tag::source:
      return text(envelope.source);
    case Tag::edge:
      return text(envelope.edge);
    case Tag::log:
      return id(envelope.log);
    case Tag::sequence:
      return number(envelope.sequence.value);
    case Tag::reason:
      return text(envelope.reason);
    case Tag::detail:
      return text(envelope.detail);
    case Tag::topic:
      return text(envelope.topic);
    case Tag::partition:
      return number(envelope.partition);
    case Tag::offset:
      return number(envelope.offset);
    case Tag::replayed:
      return text(envelope.replayed);
  }
  return true;  // of a newer program
}

}  // namespace

void encode(const Envelope& envelope, Bytes& to) {
  std::size_t size = 0;
  for_each_field(envelope, [&](Tag, std::string_view value) {
    CHECK(value.size() <= kTextSizeMax);
    size += kFieldHeadSize + value.size();
  });
  const auto at = to.size();
  to.resize(at + kHeadSize + size + envelope.event.size());
  auto* put = to.data() + at;
  store_le(put, kEnvelopeVersion);
  store_le(put + 1, envelope.flags);
  store_le(put + 2, static_cast<std::uint32_t>(size));
  put += kHeadSize;
  for_each_field(envelope, [&](Tag tag, std::string_view value) {
    store_le(put, static_cast<std::uint8_t>(tag));
    store_le(put + 1, static_cast<std::uint16_t>(value.size()));
    put = std::ranges::copy(as_bytes(value), put + kFieldHeadSize).out;
  });
  std::ranges::copy(as_bytes(envelope.event), put);
}

Result<Envelope> decode_envelope(ByteView record) {
  const auto corrupt = [] { return fail(errc::corrupt, "the record's envelope is damaged"); };
  if (record.size() < kHeadSize) return corrupt();
  if (const auto version = load_le<std::uint8_t>(record.data()); version != kEnvelopeVersion) {
    return fail(errc::unknown_version,
                "the record's envelope is of version " + std::to_string(version));
  }
  Envelope envelope;
  envelope.flags = load_le<std::uint8_t>(record.data() + 1);
  const std::size_t size = load_le<std::uint32_t>(record.data() + 2);
  if (record.size() - kHeadSize < size) return corrupt();
  envelope.event = as_text(record.subspan(kHeadSize + size));
  for (auto fields = record.subspan(kHeadSize, size); !fields.empty();) {
    if (fields.size() < kFieldHeadSize) return corrupt();
    const auto tag = static_cast<Tag>(load_le<std::uint8_t>(fields.data()));
    const std::size_t length = load_le<std::uint16_t>(fields.data() + 1);
    fields = fields.subspan(kFieldHeadSize);
    if (fields.size() < length) return corrupt();
    if (!take_field(envelope, tag, fields.first(length))) return corrupt();
    fields = fields.subspan(length);
  }
  return envelope;
}

}  // namespace tributary
