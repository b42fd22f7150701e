#include "collector/stream/kafka_dead_letters.h"

#include <thread>

#include "collector/stream/kafka_headers.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kTopicWait = 5s;
constexpr auto kTopicLook = 20ms;

DeadLetter make_dead_letter(const rd_kafka_message_t& message) {
  const auto envelope = read_dead_letter(message);
  DeadLetter letter;
  letter.sequence = static_cast<std::uint64_t>(message.offset) + 1;
  letter.reason = envelope.reason;
  letter.detail = envelope.detail;
  letter.topic = envelope.topic;
  letter.pipeline = envelope.pipeline;
  letter.source = envelope.source;
  letter.edge = envelope.edge;
  letter.partition = envelope.partition;
  if ((envelope.flags & Envelope::kRejectedAtIngest) == 0) letter.offset = envelope.offset;
  letter.received_at = envelope.received_at;
  letter.event = envelope.event;
  return letter;
}

}  // namespace

// The keeper finds it or makes it, soon after the stream was opened.
Result<void> KafkaDeadLetters::wait_for_topic() const {
  const auto end = context_.clock.monotonic() + kTopicWait;
  while (!context_.dead_letters.exists && !context_.health.is_down("cluster") &&
         context_.clock.monotonic() < end) {
    std::this_thread::sleep_for(kTopicLook);
  }
  if (context_.health.is_down("cluster")) {
    return fail(errc::unavailable, context_.health.detail("cluster"));
  }
  if (context_.dead_letters.exists) return {};
  return fail(errc::unavailable, "the topic " + context_.dead_letters.name + " isn't there yet");
}

Result<std::vector<DeadLetter>> KafkaDeadLetters::list(std::uint64_t after, std::size_t most) {
  std::vector<DeadLetter> letters;
  if (most == 0 || after > INT64_MAX) return letters;
  TRIBUTARY_TRY(wait_for_topic());
  const MutexLock lock(mutex_);
  if (!reader_) {
    TRIBUTARY_ASSIGN(reader_, KafkaReader::open(context_, context_.options.group + ".account"));
  }
  const auto read =
      reader_->read(static_cast<std::int64_t>(after), [&](const rd_kafka_message_t& message) {
        letters.push_back(make_dead_letter(message));
        return letters.size() < most;
      });
  if (!read && read.error() != errc::not_found) return std::unexpected(read.error());
  return letters;
}

}  // namespace tributary::collector
