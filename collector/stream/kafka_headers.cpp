#include "collector/stream/kafka_headers.h"

#include <charconv>
#include <string>
#include <string_view>

#include "shared/base/utf8.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kBatchHeadSize = 61;   // https://kafka.apache.org/documentation/#recordbatch
constexpr std::size_t kRecordHeadSize = 32;  // lengths, deltas and attributes at their longest
constexpr std::size_t kHeaderHeadSize = 10;
constexpr std::size_t kHeadersMost = 13;

class HeaderWriter {
 public:
  explicit HeaderWriter(KafkaHeaders& to) : to_(to) {
    to_.headers.reset(rd_kafka_headers_new(kHeadersMost));
  }

  void always(std::string_view name, std::string_view value) {
    // Fails only for headers that are read-only.
    rd_kafka_header_add(to_.headers.get(), name.data(), static_cast<ssize_t>(name.size()),
                        value.data(), static_cast<ssize_t>(value.size()));
    to_.record_size += kHeaderHeadSize + name.size() + value.size();
  }
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) always(name, value);
  }
  template <class Integer>
  void number(std::string_view name, Integer value) {
    char digits[24];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
    always(name, {digits, static_cast<std::size_t>(end - digits)});
  }

 private:
  KafkaHeaders& to_;
};

template <class Integer>
void read_number(std::string_view digits, Integer& to) {
  Integer value{};
  const auto* const begin = digits.data();
  const auto* const end = begin + digits.size();
  const auto parsed = std::from_chars(begin, end, value);
  if (parsed.ec == std::errc() && parsed.ptr == end) to = value;
}

// Calls visit(name, value) for each header, in order.
template <class Visit>
void for_each_header(const rd_kafka_message_t& message, Visit visit) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    visit(std::string_view(name), std::string_view(static_cast<const char*>(value), size));
  }
}

// Anybody may write headers: stores hold these texts.
bool is_text(std::string_view value) {
  constexpr std::size_t kSizeMax = 1024;
  return value.size() <= kSizeMax && is_utf8(value);
}

// Those of an event. What can't be read is left as it is.
void take_origin(Envelope& envelope, std::string_view name, std::string_view value) {
  if (!is_text(value)) return;
  if (name == "received_at") {
    if (const auto time = Timestamp::parse(value)) envelope.received_at = *time;
  } else if (name == "pipeline") {
    envelope.pipeline = value;
  } else if (name == "schema") {
    envelope.schema = value;
  } else if (name == "source") {
    envelope.source = value;
  } else if (name == "edge") {
    envelope.edge = value;
  } else if (name == "log") {
    if (const auto id = Id::parse(value)) envelope.log = *id;
  } else if (name == "sequence") {
    read_number(value, envelope.sequence.value);
  } else if (name == "replayed") {
    envelope.replayed = value;
  }
}

void take_dead_letter(Envelope& envelope, std::string_view name, std::string_view value) {
  if (name == "reason") {
    envelope.reason = value;
  } else if (name == "detail") {
    envelope.detail = value;
  } else if (name == "topic") {
    envelope.topic = value;
  } else if (name == "partition") {
    read_number(value, envelope.partition);
    envelope.flags &= static_cast<std::uint8_t>(~Envelope::kRejectedAtIngest);
  } else if (name == "offset") {
    read_number(value, envelope.offset);
    envelope.flags &= static_cast<std::uint8_t>(~Envelope::kRejectedAtIngest);
  }
}

Envelope begin_envelope(const rd_kafka_message_t& message) {
  constexpr std::int64_t kEndOfTime = 253'402'300'799'999;  // of year 9999
  Envelope envelope;
  if (message.payload != nullptr) {
    envelope.event = {static_cast<const char*>(message.payload), message.len};
  }
  if (const auto time = timestamp_ms(message); time >= 0 && time <= kEndOfTime) {
    envelope.received_at = {.seconds = time / 1000,
                            .nanoseconds = static_cast<std::int32_t>(time % 1000) * 1'000'000};
  }
  return envelope;
}

}  // namespace

KafkaHeaders make_headers(const Envelope& envelope, std::size_t key_size) {
  KafkaHeaders made;
  made.record_size = kBatchHeadSize + kRecordHeadSize + key_size + envelope.event.size();
  HeaderWriter put(made);
  put.text("pipeline", envelope.pipeline);
  put.text("schema", envelope.schema);
  if (envelope.received_at != Timestamp{}) put.always("received_at", envelope.received_at.text());
  put.text("source", envelope.source);
  put.text("edge", envelope.edge);
  if (envelope.log != Id{}) put.always("log", envelope.log.text());
  if (envelope.sequence.value != 0) put.number("sequence", envelope.sequence.value);
  put.text("replayed", envelope.replayed);
  if ((envelope.flags & Envelope::kDeadLetter) == 0) return made;
  put.always("reason", envelope.reason);
  put.always("detail", envelope.detail);
  put.text("topic", envelope.topic);
  if ((envelope.flags & Envelope::kRejectedAtIngest) == 0) {
    put.number("partition", envelope.partition);
    put.number("offset", envelope.offset);
  }
  return made;
}

Envelope read_envelope(const rd_kafka_message_t& message) {
  auto envelope = begin_envelope(message);
  for_each_header(message, [&](std::string_view name, std::string_view value) {
    take_origin(envelope, name, value);
  });
  return envelope;
}

Envelope read_dead_letter(const rd_kafka_message_t& message) {
  auto envelope = begin_envelope(message);
  envelope.flags = Envelope::kDeadLetter | Envelope::kRejectedAtIngest;
  for_each_header(message, [&](std::string_view name, std::string_view value) {
    take_origin(envelope, name, value);
    take_dead_letter(envelope, name, value);
  });
  return envelope;
}

std::int64_t timestamp_ms(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type{};
  const auto time = rd_kafka_message_timestamp(&message, &type);
  return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : time;
}

}  // namespace tributary::collector
