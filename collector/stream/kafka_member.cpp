#include "collector/stream/kafka_member.h"

#include <array>
#include <utility>

#include "collector/stream/kafka_offsets.h"
#include "collector/stream/kafka_totals.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kQuestionTimeout = 5s;
constexpr auto kCommitTimeout = 5s;
constexpr auto kNudgeTimeout = 5ms;
constexpr auto kLeaveTime = 3s;
constexpr auto kFirstAssignmentTime = 6s;  // the cluster gives a new group 3 s to gather
constexpr auto kServeTime = 50ms;
constexpr std::size_t kChunk = 500;
constexpr std::size_t kNudgeRecords = 5000;
constexpr std::size_t kNudgeBytes = 4U << 20;

KafkaProperties member_properties(const std::string& group) {
  return {
      {"group.id", group},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      // A position that isn't in the partition is loss, or a topic made anew: the next membership
      // finds out which (KafkaTurn).
      {"auto.offset.reset", "error"},
      {"partition.assignment.strategy", "cooperative-sticky"},
      {"isolation.level", "read_committed"},
      {"check.crcs", "true"},
      {"session.timeout.ms", "10000"},
      {"heartbeat.interval.ms", "3000"},
      {"topic.metadata.refresh.interval.ms", "30000"},
      {"fetch.wait.max.ms", "100"},
      // What is fetched ahead may be compressed, and its records have an overhead each.
      {"fetch.message.max.bytes", "262144"},
      {"queued.min.messages", "12000"},
      {"queued.max.messages.kbytes", "8192"},
  };
}

bool is_unknown_topic(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

// Errors that don't go by themselves, as long as this membership lasts.
bool ends_membership(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return true;
    default:
      return is_unknown_topic(error);
  }
}

}  // namespace

Result<std::unique_ptr<KafkaMember>> KafkaMember::join(KafkaContext& context,
                                                       std::uint64_t& turns) {
  TRIBUTARY_ASSIGN(auto client, KafkaClient::open(context, "consumer", RD_KAFKA_CONSUMER,
                                                  member_properties(context.options.group),
                                                  RD_KAFKA_EVENT_REBALANCE));
  const auto topics = make_partition_list();
  rd_kafka_topic_partition_list_add(topics.get(), context.events.name.c_str(),
                                    RD_KAFKA_PARTITION_UA);
  const auto error = rd_kafka_subscribe(client->get(), topics.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail_kafka(error, "can't subscribe to " + context.events.name);
  }
  return std::unique_ptr<KafkaMember>(new KafkaMember(context, turns, std::move(client)));
}

KafkaMember::KafkaMember(KafkaContext& context, std::uint64_t& turns,
                         std::shared_ptr<KafkaClient> client)
    : context_(context),
      turn_numbers_(turns),
      client_(std::move(client)),
      records_(rd_kafka_queue_new(client_->get())) {}

// librdkafka before 2.2 aborts the process when a consumer ends between the group's answer that it
// is a member and its first assignment (confluentinc/librdkafka issue 4312). Without a member id
// there was no such answer yet, and one that comes later is not heard.
void KafkaMember::await_first_assignment() {
  const auto is_member = [&] {
    auto* const id = rd_kafka_memberid(client_->get());
    const bool is_given = id != nullptr && *id != '\0';
    if (id != nullptr) rd_kafka_mem_free(client_->get(), id);
    return is_given;
  };
  const auto end = context_.clock.monotonic() + kFirstAssignmentTime;
  while (!was_assigned_ && is_member() && context_.clock.monotonic() < end) {
    const auto event = client_->poll(kServeTime);
    if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
      was_assigned_ = true;
      const KafkaPtr<rd_kafka_error_t> ignored(rd_kafka_incremental_assign(
          client_->get(), rd_kafka_event_topic_partition_list(event.get())));
    }
  }
}

KafkaMember::~KafkaMember() {
  turns_.clear();
  waiting_.clear();
  await_first_assignment();
  const KafkaPtr<rd_kafka_queue_t> closing(rd_kafka_queue_new(client_->get()));
  const KafkaPtr<rd_kafka_error_t> error(
      rd_kafka_consumer_close_queue(client_->get(), closing.get()));
  const auto end = context_.clock.monotonic() + kLeaveTime;
  while (!error && rd_kafka_consumer_closed(client_->get()) == 0 &&
         context_.clock.monotonic() < end) {
    const KafkaPtr<rd_kafka_event_t> event(
        rd_kafka_queue_poll(closing.get(), to_timeout_ms(kServeTime)));
    if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
      rd_kafka_assign(client_->get(), nullptr);
    }
  }
}

Result<void> KafkaMember::serve() {
  while (const auto event = client_->poll(0ms)) {
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
      TRIBUTARY_TRY(rebalance(event.get()));
    } else if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR) {
      const auto error = rd_kafka_event_error(event.get());
      if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) context_.alarm.ring();
      TRIBUTARY_TRY(take_error(error, rd_kafka_event_error_string(event.get()),
                               rd_kafka_event_error_is_fatal(event.get()) != 0));
    }
  }
  return {};
}

Result<void> KafkaMember::take_error(rd_kafka_resp_err_t error, std::string_view text,
                                     bool is_fatal) {
  if (is_unknown_topic(error)) {
    context_.events.exists = false;
    context_.alarm.ring();
  }
  if (!is_fatal && !ends_membership(error)) return {};
  return fail(errc::unavailable,
              "the consumer of " + context_.events.name + " joins anew: " + std::string(text));
}

Result<void> KafkaMember::rebalance(rd_kafka_event_t* event) {
  const auto& partitions = *rd_kafka_event_topic_partition_list(event);
  const bool is_assignment = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  was_assigned_ = was_assigned_ || is_assignment;
  if (partitions.cnt > 0)
    log_info("kafka", is_assignment ? "partitions assigned" : "partitions revoked",
             {{"pipeline", context_.options.pipeline}, {"partitions", partitions.cnt}});
  return is_assignment ? assign(partitions) : revoke(partitions);
}

Result<void> KafkaMember::assign(const rd_kafka_topic_partition_list_t& partitions) {
  const auto copy = [&] {
    return KafkaPartitionList(rd_kafka_topic_partition_list_copy(&partitions));
  };
  const auto committed = copy();
  const auto beginnings = copy();
  const auto ends = copy();
  if (partitions.cnt > 0) {
    TRIBUTARY_TRY(read_committed(*client_, committed, kQuestionTimeout));
    TRIBUTARY_TRY(read_offsets(*client_, ends, RD_KAFKA_OFFSET_END, kQuestionTimeout));
    TRIBUTARY_TRY(read_offsets(*client_, beginnings, RD_KAFKA_OFFSET_BEGINNING, kQuestionTimeout));
  }
  for (auto& partition : elements(committed)) {
    const auto offset_in = [&](const KafkaPartitionList& list) {
      const auto* const found =
          rd_kafka_topic_partition_list_find(list.get(), partition.topic, partition.partition);
      return static_cast<std::uint64_t>(found->offset);
    };
    KafkaTurn::Beginning beginning{.partition = partition.partition,
                                   .turn = ++turn_numbers_,
                                   .committed = {},
                                   .totals = {},
                                   .low = offset_in(beginnings),
                                   .high = offset_in(ends)};
    if (partition.offset >= 0) beginning.committed = static_cast<std::uint64_t>(partition.offset);
    TRIBUTARY_TRY(begin_turn(beginning, metadata_of(partition)));
    partition.offset = static_cast<std::int64_t>(turns_.at(partition.partition).position());
    const KafkaPtr<rd_kafka_queue_t> own(
        rd_kafka_queue_get_partition(client_->get(), partition.topic, partition.partition));
    if (own) rd_kafka_queue_forward(own.get(), records_.get());
  }
  const KafkaPtr<rd_kafka_error_t> error(
      rd_kafka_incremental_assign(client_->get(), committed.get()));
  if (error) return fail(errc::unavailable, rd_kafka_error_string(error.get()));
  context_.health.up("consumer");
  return {};
}

Result<void> KafkaMember::begin_turn(KafkaTurn::Beginning beginning, std::string_view metadata) {
  const auto& group = context_.options.group;
  const auto name = context_.events.name + "[" + std::to_string(beginning.partition) + "]";
  if (beginning.committed) {
    const auto totals = decode_metadata(metadata);
    if (totals) {
      beginning.totals = *totals;
    } else if (totals.error() == errc::unknown_version) {
      return std::unexpected(totals.error().within("group " + group + " in " + name));
    } else if (*beginning.committed > 0) {
      note("the totals of the group " + group + " in " + name + " begin anew at offset " +
           std::to_string(*beginning.committed) + ": " +
           (metadata.empty() ? "its commit has none" : totals.error().message()));
    }
  }
  auto turn = KafkaTurn(beginning);
  const auto settled = beginning.committed.value_or(turn.position());
  if (turn.is_anew()) {
    note(name + " ends at offset " + std::to_string(beginning.high) + ", before what the group " +
         group + " has settled: it was made anew, or lost records; going on at offset " +
         std::to_string(beginning.low));
  } else if (turn.position() > settled) {
    log_warning("kafka", "possible loss: the topic's retention overtook the group",
                {{"pipeline", context_.options.pipeline},
                 {"partition", name},
                 {"records", turn.position() - settled}});
  }
  turns_.erase(beginning.partition);
  turns_.emplace(beginning.partition, std::move(turn));
  return {};
}

void KafkaMember::note(const std::string& text) {
  log_warning("kafka", text, {{"pipeline", context_.options.pipeline}});
  context_.health.note(text);
}

Result<void> KafkaMember::revoke(const rd_kafka_topic_partition_list_t& partitions) {
  for (const auto& partition : elements(partitions)) turns_.erase(partition.partition);
  std::erase_if(waiting_, [&](const auto& message) { return !find(message->partition); });
  const KafkaPtr<rd_kafka_error_t> error(
      rd_kafka_incremental_unassign(client_->get(), &partitions));
  if (error) return fail(errc::unavailable, rd_kafka_error_string(error.get()));
  return {};
}

KafkaTurn* KafkaMember::find(std::int32_t partition) {
  const auto found = turns_.find(partition);
  return found == turns_.end() ? nullptr : &found->second;
}

void KafkaMember::fill(std::chrono::milliseconds wait) {
  std::array<rd_kafka_message_t*, kChunk> taken{};
  const auto take = [&](std::chrono::milliseconds time, std::size_t most) {
    const auto count =
        rd_kafka_consume_batch_queue(records_.get(), to_timeout_ms(time), taken.data(), most);
    for (ssize_t i = 0; i < count; ++i) {
      const auto& message = waiting_.emplace_back(taken.at(static_cast<std::size_t>(i)));
      ++records_taken_;
      bytes_taken_ += message->len;
    }
    return count;
  };
  // Waiting for many would wait for all of them.
  if (take(0ms, kChunk) <= 0 && wait > 0ms) take(wait, 1);
  fetch_on();
}

// librdkafka before 2.2 stops fetching while enough is queued, and looks only once a second whether
// it still is, unless something goes to that broker: a question does.
void KafkaMember::fetch_on() {
  if (records_taken_ < kNudgeRecords && bytes_taken_ < kNudgeBytes) return;
  records_taken_ = 0;
  bytes_taken_ = 0;
  const auto list = make_partition_list();
  for (const auto& [partition, turn] : turns_) {
    rd_kafka_topic_partition_list_add(list.get(), context_.events.name.c_str(), partition);
  }
  rd_kafka_offsets_for_times(client_->get(), list.get(), to_timeout_ms(kNudgeTimeout));
}

Result<const rd_kafka_message_t*> KafkaMember::peek(std::chrono::milliseconds wait) {
  for (;;) {
    if (waiting_.empty()) fill(wait);
    while (const auto heard = client_->take_heard()) {
      TRIBUTARY_TRY(take_error(heard->error, heard->text, false));
    }
    if (waiting_.empty()) return nullptr;
    const auto& message = *waiting_.front();
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const auto failed = take_message_error(message);
      waiting_.pop_front();
      TRIBUTARY_TRY(failed);
    } else if (!find(message.partition)) {
      waiting_.pop_front();
    } else {
      return &message;
    }
  }
}

Result<void> KafkaMember::take_message_error(const rd_kafka_message_t& message) {
  auto* const turn = find(message.partition);
  if (turn == nullptr) return {};
  const auto* const text = rd_kafka_message_errstr(&message);
  if (message.err == RD_KAFKA_RESP_ERR__BAD_MSG) {
    log_error("kafka", text, {{"pipeline", context_.options.pipeline}});
    turn->lose_next();
    return {};
  }
  return take_error(message.err, text, false);
}

KafkaPtr<rd_kafka_message_t> KafkaMember::take() {
  auto message = std::move(waiting_.front());
  waiting_.pop_front();
  return message;
}

Result<void> KafkaMember::commit(const KafkaPartitionList& list) {
  constexpr std::string_view kDoing = "can't commit";
  // A queue for this answer alone: one that comes too late finds nobody.
  const KafkaPtr<rd_kafka_queue_t> answers(rd_kafka_queue_new(client_->get()));
  const auto error =
      rd_kafka_commit_queue(client_->get(), list.get(), answers.get(), nullptr, nullptr);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail_kafka(error, kDoing);
  const KafkaPtr<rd_kafka_event_t> answer(
      rd_kafka_queue_poll(answers.get(), to_timeout_ms(kCommitTimeout)));
  if (!answer) return fail_kafka(RD_KAFKA_RESP_ERR__TIMED_OUT, kDoing);
  const auto failed = rd_kafka_event_error(answer.get());
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) return fail_kafka(failed, kDoing);
  for (const auto& partition : elements(*rd_kafka_event_topic_partition_list(answer.get()))) {
    if (partition.err != RD_KAFKA_RESP_ERR_NO_ERROR) return fail_kafka(partition.err, kDoing);
  }
  return {};
}

}  // namespace tributary::collector
