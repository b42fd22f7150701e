#include "collector/stream/kafka_dead_letters.h"

#include "collector/stream/dead_letter.h"
#include "collector/stream/kafka_headers.h"
#include "shared/base/thread.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kTopicWait = 5s;
constexpr auto kTopicLook = 20ms;

}  // namespace

// The keeper finds it or makes it, soon after the stream was opened.
Result<void> KafkaDeadLetters::wait_for_topic() const {
  const auto end = context_.clock.monotonic() + kTopicWait;
  while (!context_.dead_letters.exists && !context_.health.is_down("cluster") &&
         context_.clock.monotonic() < end) {
    sleep_for(kTopicLook);
  }
  if (context_.health.is_down("cluster")) {
    return fail(errc::unavailable, context_.health.detail("cluster"));
  }
  if (context_.dead_letters.exists) return {};
  return fail(errc::unavailable, "the topic " + context_.dead_letters.name + " isn't there yet");
}

Result<std::unique_ptr<KafkaReader>> KafkaDeadLetters::take_reader() {
  TRIBUTARY_TRY(wait_for_topic());
  {
    const MutexLock lock(mutex_);
    if (idle_) return std::move(idle_);
  }
  return KafkaReader::open(context_, context_.options.group + ".account");
}

void KafkaDeadLetters::give_back(std::unique_ptr<KafkaReader> reader) {
  const MutexLock lock(mutex_);
  if (!idle_) idle_ = std::move(reader);
}

Result<std::vector<DeadLetter>> KafkaDeadLetters::list(std::uint64_t after, std::size_t most) {
  if (most == 0 || after > INT64_MAX) return std::vector<DeadLetter>();
  TRIBUTARY_ASSIGN(auto reader, take_reader());
  auto letters = read(*reader, after, most);
  give_back(std::move(reader));
  return letters;
}

Result<std::uint64_t> KafkaDeadLetters::last() {
  TRIBUTARY_ASSIGN(auto reader, take_reader());
  const auto end = reader->end();
  give_back(std::move(reader));
  if (!end) return std::unexpected(end.error());
  return static_cast<std::uint64_t>(*end);
}

Result<std::vector<DeadLetter>> KafkaDeadLetters::read(KafkaReader& reader, std::uint64_t after,
                                                       std::size_t most) {
  TRIBUTARY_TRY(read_marks(reader));
  std::vector<DeadLetter> letters;
  std::size_t bytes = 0;
  const auto shown =
      reader.read(static_cast<std::int64_t>(after), [&](const rd_kafka_message_t& message) {
        auto letter = make_letter(message);
        if (letter.reason == kReplayedReason) return true;
        bytes += letter.event.size();
        letters.push_back(std::move(letter));
        return letters.size() < most && bytes < kDeadLettersSizeMax;
      });
  if (!shown && shown.error() != errc::not_found) return std::unexpected(shown.error());
  return letters;
}

Result<void> KafkaDeadLetters::read_marks(KafkaReader& reader) {
  TRIBUTARY_ASSIGN(const auto end, reader.end());
  if (static_cast<std::uint64_t>(end) < marks_.position()) marks_.clear();  // a topic made anew
  auto position = static_cast<std::int64_t>(marks_.position());
  if (position >= end) return {};
  const auto read = reader.read(position, [&](const rd_kafka_message_t& message) {
    const auto envelope = read_dead_letter(message);
    position = message.offset + 1;
    std::vector<ReplayMarks::Mark> found;
    if (envelope.reason == kReplayedReason) {
      found.push_back({.offsets = std::string(envelope.detail), .at = envelope.received_at});
    }
    marks_.take(found, static_cast<std::uint64_t>(position));
    return position < end;
  });
  if (!read) return std::unexpected(read.error());
  marks_.take({}, static_cast<std::uint64_t>(end));
  return {};
}

DeadLetter KafkaDeadLetters::make_letter(const rd_kafka_message_t& message) const {
  auto letter = make_dead_letter(read_dead_letter(message));
  letter.dead_offset = static_cast<std::uint64_t>(message.offset);
  letter.sequence = letter.dead_offset + 1;
  letter.place = context_.dead_letters.name + "/0/" + std::to_string(letter.dead_offset);
  letter.replayed_at = marks_.find(letter.dead_offset);
  return letter;
}

}  // namespace tributary::collector
