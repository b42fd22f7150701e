#include "collector/store/mongodb_writer.h"

#include <algorithm>
#include <optional>

#include "shared/base/mutex.h"
#include "shared/base/thread.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBulkEventsMax = 500;
constexpr std::size_t kBulkEventsMin = 250;  // below twice of it a batch is one bulk
constexpr std::size_t kBulkBytesMax = 4U << 20;
constexpr std::size_t kWorthLookingUp = 4;  // one of so many
constexpr std::size_t kAttemptsMax = 20'000;
// Somebody may drop the collection, and its next insert makes it again, without indexes.
constexpr auto kCheckEvery = 200ms;

using Clock = std::chrono::steady_clock;

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Of the same size as far as their bytes allow, and an even number of them, for two lanes.
std::vector<Range> bulks_of(std::span<const Event> events) {
  const auto count = events.size() < 2 * kBulkEventsMin
                         ? 1
                         : 2 * ((events.size() + 2 * kBulkEventsMax - 1) / (2 * kBulkEventsMax));
  const auto events_max = (events.size() + count - 1) / count;
  std::vector<Range> bulks;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (bulks.empty() || i - bulks.back().begin == events_max || bytes >= kBulkBytesMax) {
      bulks.push_back({.begin = i, .end = i});
      bytes = 0;
    }
    bulks.back().end = i + 1;
    bytes += events[i].json.size();
  }
  return bulks;
}

}  // namespace

// What the lanes share while they write one batch.
struct MongodbWriter::Batch {
  std::span<const Event> events;
  std::vector<bson_oid_t> ids;
  std::vector<Outcome> outcomes;
  std::vector<Range> bulks;
  std::atomic<std::size_t> next_bulk = 0;

  Mutex mutex;
  std::optional<Error> failure
      TRIBUTARY_GUARDED_BY(mutex);  // the first; nothing more is begun after it

  std::optional<Error> first_failure() {
    const MutexLock lock(mutex);
    return failure;
  }
  void fail(const Error& error) {
    const MutexLock lock(mutex);
    if (!failure) failure = error;
  }
};

MongodbWriter::MongodbWriter(const MongodbTarget& target, const MongodbCodec& codec,
                             const MongodbLayout& layout, MongodbClients& clients)
    : target_(target),
      layout_(layout),
      clients_(clients),
      first_lane_(target, codec, layout),
      second_lane_(target, codec, layout) {}

MongodbWriter::Written MongodbWriter::write(std::span<const Event> events) {
  Batch batch{.events = events,
              .ids = ids_for(events),
              .outcomes = {},
              .bulks = bulks_of(events),
              .next_bulk = 0,
              .mutex = {},
              .failure = {}};
  batch.outcomes.resize(events.size());
  if (const auto client = prepare()) {
    const auto second = batch.bulks.size() > 1 ? clients_.try_take() : std::nullopt;
    Thread other;
    if (second)
      other =
          Thread("mongodb-write", [&](const auto&) { write_bulks(batch, second_lane_, *second); });
    write_bulks(batch, first_lane_, *client);
  } else {
    batch.fail(client.error());
  }
  Written written{.outcomes = std::move(batch.outcomes), .problem = {}};
  if (const auto failure = batch.first_failure()) {
    checked_ = {};
    written.problem = failure->message();
    for (auto& outcome : written.outcomes) {
      if (outcome.verdict == Outcome::Verdict::retry && outcome.detail.empty()) {
        outcome.detail = written.problem;
      }
    }
  }
  remember_attempts(events, batch.ids, written.outcomes);
  return written;
}

// A connection, and the certainty that the indexes are there.
Result<MongodbClient> MongodbWriter::prepare() {
  TRIBUTARY_ASSIGN(auto client, clients_.take());
  const auto now = Clock::now();
  if (checked_ == Clock::time_point{} || now - checked_ > kCheckEvery) {
    checked_ = {};
    TRIBUTARY_ASSIGN(const auto found, layout_.prepare(client, target_));
    key_index_ = found.names.front();
    checked_ = now;
  }
  return client;
}

void MongodbWriter::write_bulks(Batch& batch, MongodbBulkWriter& lane,
                                const MongodbClient& client) {
  while (!batch.first_failure()) {
    const auto number = batch.next_bulk++;
    if (number >= batch.bulks.size()) return;
    const auto [begin, end] = batch.bulks[number];
    const auto size = end - begin;
    const auto had = lane.write(client, {.events = batch.events.subspan(begin, size),
                                         .ids = std::span(batch.ids).subspan(begin, size),
                                         .outcomes = std::span(batch.outcomes).subspan(begin, size),
                                         .key_index = key_index_,
                                         .look_first = look_first_});
    if (had) {
      look_first_ = *had * kWorthLookingUp >= size;
    } else {
      batch.fail(had.error());
    }
  }
}

std::vector<bson_oid_t> MongodbWriter::ids_for(std::span<const Event> events) const {
  std::vector<bson_oid_t> ids(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto before = attempts_.empty() ? attempts_.end() : attempts_.find(events[i].key);
    if (before == attempts_.end()) {
      bson_oid_init(&ids[i], nullptr);
    } else {
      ids[i] = before->second;
    }
  }
  return ids;
}

void MongodbWriter::remember_attempts(std::span<const Event> events,
                                      const std::vector<bson_oid_t>& ids,
                                      const std::vector<Outcome>& outcomes) {
  if (attempts_.size() > kAttemptsMax) attempts_.clear();
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (outcomes[i].verdict == Outcome::Verdict::retry) {
      attempts_.insert_or_assign(events[i].key, ids[i]);
    } else if (!attempts_.empty()) {
      attempts_.erase(events[i].key);
    }
  }
}

}  // namespace tributary::collector
