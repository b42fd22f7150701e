#include "collector/stream/kafka_consumer.h"

#include <algorithm>
#include <utility>

#include "collector/stream/kafka_headers.h"
#include "collector/stream/kafka_offsets.h"
#include "collector/stream/kafka_totals.h"
#include "shared/base/check.h"
#include "shared/base/thread.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto kJoinWaitMost = 500ms;
constexpr milliseconds kServeInterval = 50ms;
constexpr auto kRejoinLeast = 100ms;
constexpr auto kRejoinMost = 10s;

// What the views of a batch point into.
struct Messages {
  std::shared_ptr<KafkaClient> client;  // outlives the messages
  std::vector<KafkaPtr<rd_kafka_message_t>> messages;
};

std::size_t size_of(const rd_kafka_message_t& message) { return message.len + message.key_len; }

}  // namespace

KafkaConsumer::KafkaConsumer(KafkaContext& context)
    : context_(context), backoff_(kRejoinLeast, kRejoinMost) {}

KafkaConsumer::~KafkaConsumer() { context_.oldest_unsettled_ms = 0; }

Result<void> KafkaConsumer::ensure_member(milliseconds wait) {
  if (member_) return {};
  const auto ready = [&] {
    return context_.events.exists && context_.clock.monotonic() >= join_at_;
  };
  const auto end = context_.clock.monotonic() + std::min<milliseconds>(wait, kJoinWaitMost);
  while (!ready() && context_.clock.monotonic() < end) sleep_for(kServeInterval);
  if (!ready()) {
    return fail_as_left();
  }
  auto joined = KafkaMember::join(context_, turns_);
  if (!joined) {
    leave(joined.error());
    return std::unexpected(std::move(joined).error());
  }
  member_ = std::move(*joined);
  return {};
}

std::unexpected<Error> KafkaConsumer::fail_as_left() const {
  return std::unexpected(left_because_.value_or(
      Error(errc::unavailable, "the topic " + context_.events.name + " isn't there yet")));
}

void KafkaConsumer::leave(Error why) {
  context_.health.down("consumer", why.message());
  context_.log.line("leave", LogLevel::warning, "kafka", why.message(),
                    {{"pipeline", context_.options.pipeline}});
  context_.oldest_unsettled_ms = 0;
  member_.reset();
  join_at_ = context_.clock.monotonic() + backoff_.next();
  left_because_ = std::move(why);
}

void KafkaConsumer::serve() {
  if (!member_) return;
  if (const auto served = member_->serve(); !served) leave(served.error());
}

Result<Batch> KafkaConsumer::receive(BatchLimit limit, milliseconds wait) {
  const auto end = context_.clock.monotonic() + wait;
  TRIBUTARY_TRY(ensure_member(wait));
  for (;;) {
    serve();
    if (!member_) return fail_as_left();
    TRIBUTARY_ASSIGN(auto batch, take_batch(limit));
    if (!batch.empty()) return batch;
    const auto left = std::chrono::ceil<milliseconds>(end - context_.clock.monotonic());
    if (left <= 0ms) break;
    if (const auto next = member_->peek(std::min(left, kServeInterval)); !next) {
      leave(next.error());
      return std::unexpected(next.error());
    }
  }
  if (context_.health.is_down("cluster")) {
    return fail(errc::unavailable, context_.health.detail("cluster"));
  }
  return Batch{};
}

Result<Batch> KafkaConsumer::take_batch(BatchLimit limit) {
  auto taken = std::make_shared<Messages>();
  taken->client = member_->client();
  Batch batch;
  for (std::size_t bytes = 0; batch.entries.size() < limit.records;) {
    auto next = member_->peek(0ms);
    if (!next) {
      leave(next.error());
      return std::unexpected(std::move(next).error());
    }
    if (*next == nullptr) break;
    bytes += size_of(**next);
    if (!batch.entries.empty() && bytes > limit.bytes) break;
    auto message = member_->take();
    auto* const turn = member_->find(message->partition);
    const auto offset = static_cast<std::uint64_t>(message->offset);
    if (!turn->receive(offset, timestamp_ms(*message))) continue;
    batch.entries.push_back({.envelope = read_envelope(*message),
                             .partition = message->partition,
                             .offset = offset,
                             .damaged = false});
    taken->messages.push_back(std::move(message));
  }
  for (auto& [partition, turn] : member_->turns()) {
    for (const auto& span : turn.take_missing()) batch.missing.push_back(span);
    if (const auto span = turn.take_span()) batch.spans.push_back(*span);
  }
  if (!batch.empty()) {
    backoff_.reset();
    left_because_.reset();
    tell_age();
  }
  batch.bytes = std::move(taken);
  return batch;
}

Result<void> KafkaConsumer::settle(const Batch& batch, std::span<const Outcome> outcomes) {
  CHECK(outcomes.size() == batch.entries.size());
  serve();
  if (batch.empty() || !member_) return {};
  std::map<std::int32_t, Totals> ends;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    ends[batch.entries[i].partition].count(outcomes[i].verdict);
  }
  for (const auto& span : batch.missing) {
    ends[span.partition].count(Outcome::Verdict::rejected, span.count());
  }
  const auto list = make_partition_list();
  std::vector<std::pair<Batch::Span, Totals>> settling;
  for (const auto& span : batch.spans) {
    const auto* const turn = member_->find(span.partition);
    if (turn == nullptr || turn->turn() != span.turn) continue;  // not ours any more
    const auto totals = turn->totals_after(span, ends[span.partition]);
    auto* const partition =
        rd_kafka_topic_partition_list_add(list.get(), context_.events.name.c_str(), span.partition);
    partition->offset = static_cast<std::int64_t>(span.last + 1);
    set_metadata(*partition, encode_metadata(totals));
    settling.emplace_back(span, totals);
  }
  if (settling.empty()) return {};
  if (auto committed = member_->commit(list); !committed) {
    // Perhaps the group is moving partitions: then the next try finds out whose they are.
    serve();
    return committed;
  }
  for (const auto& [span, totals] : settling) member_->find(span.partition)->settle(span, totals);
  tell_age();
  return {};
}

void KafkaConsumer::keep_alive() { serve(); }

void KafkaConsumer::tell_age() {
  std::int64_t oldest = 0;
  for (const auto& [partition, turn] : member_->turns()) {
    const auto at = turn.oldest_ms();
    if (at && (oldest == 0 || *at < oldest)) oldest = *at;
  }
  context_.oldest_unsettled_ms = oldest;
}

}  // namespace tributary::collector
