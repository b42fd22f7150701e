#include "edge/publish/outbox.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "shared/base/sequence_ranges.h"
#include "shared/log/envelope.h"
#include "shared/observe/logging.h"

namespace tributary::edge {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr Sequence kNoEnd{std::numeric_limits<std::uint64_t>::max()};
constexpr std::size_t kBatchRecordsMax = 1000;
// Ranges waiting to be released: each is a durable step, and memory.
constexpr std::size_t kWaitingMax = 64;

}  // namespace

Outbox::Outbox(std::string pipeline, Log& log, const Clock& clock, OutboxOptions options)
    : pipeline_(std::move(pipeline)),
      log_(log),
      clock_(clock),
      options_(options),
      batch_size_(options.batch_size),
      done_(log.position(kPublisherCursor)),
      sent_through_(done_.prefix),
      release_backoff_(100ms, 10s),
      stall_backoff_(100ms, 10s) {
  done_.data.clear();
}

bool Outbox::publish_one(Publisher& publisher, bool flush) {
  if (clock_.monotonic() < stalled_until_ || !publisher.ready()) {
    first_seen_.reset();  // nothing is due until it can go
    return false;
  }
  if (publish_lost(publisher)) return true;
  return lost_.empty() && publish_new(publisher, flush);
}

bool Outbox::publish_lost(Publisher& publisher) {
  while (!lost_.empty()) {
    const auto range = lost_.front();
    const auto rest = unreleased(done_, range);
    if (rest.empty()) {
      lost_.erase(lost_.begin());
      continue;
    }
    auto formed = form(rest.front());
    if (!formed) {
      stall(formed.error().message());
      return false;
    }
    if (!*formed) continue;  // all of it is gone from the log: done_ knows by now
    const auto last = (*formed)->batch.range.last;
    if (!hand_over(publisher, std::move(**formed))) return false;
    ++resent_batches_;
    if (last < range.last) {
      lost_.front().first = last.next();
    } else {
      lost_.erase(lost_.begin());
    }
    return true;
  }
  return false;
}

bool Outbox::publish_new(Publisher& publisher, bool flush) {
  while (true) {
    const auto ahead = unreleased(done_, {sent_through_.next(), kNoEnd}).front();
    sent_through_ = {ahead.first.value - 1};
    if (log_.stats().committed <= sent_through_) {
      first_seen_.reset();
      return false;
    }
    auto formed = form(ahead);
    if (!formed) {
      stall(formed.error().message());
      return false;
    }
    if (!*formed) continue;
    const auto now = clock_.monotonic();
    if (!first_seen_) first_seen_ = now;
    if (!(*formed)->complete && !flush && now - *first_seen_ < options_.batch_wait) return false;
    const auto last = (*formed)->batch.range.last;
    first_seen_.reset();  // also when it can't go: nothing is due until the publisher has news
    if (!hand_over(publisher, std::move(**formed))) return false;
    sent_through_ = last;
    return true;
  }
}

// The first batch of the records `wanted`; nothing when the log has none of them, which are done
// then. None of `wanted` is done before.
Result<std::optional<Outbox::Formed>> Outbox::form(SequenceRange wanted) {
  const auto committed = log_.stats().committed;
  const Sequence after{wanted.first.value - 1};
  TRIBUTARY_ASSIGN(const auto records,
                   log_.read(after, {.records = kBatchRecordsMax, .bytes = batch_size_}));
  skip_missing(records.missing);

  Formed formed;
  auto& [pipeline, log, range, payload] = formed.batch;
  pipeline = pipeline_;
  log = log_.id();
  for (const auto& [sequence, record] : records.entries) {
    const bool follows = payload.empty() || sequence == range.last.next();
    formed.complete = sequence > wanted.last || !follows;
    if (formed.complete) break;
    const auto envelope = decode_envelope(record);
    if (!envelope) {
      formed.complete = !payload.empty();
      if (formed.complete) break;
      if (envelope.error() == errc::unknown_version) {
        return fail(errc::unknown_version, "record " + std::to_string(sequence.value) +
                                               " was written by a newer program: update this one");
      }
      ++undecodable_;
      tell_damage({sequence, sequence});
      mark_done({sequence, sequence});
      continue;
    }
    if (payload.empty()) {
      payload.reserve(records.storage.size() + records.entries.size());
      range.first = sequence;
    }
    range.last = sequence;
    payload += envelope->event;
    payload += '\n';
  }
  if (payload.empty()) {
    if (done_.released(wanted.first)) return std::nullopt;
    return fail(errc::corrupt, "the log gives neither record " +
                                   std::to_string(wanted.first.value) + " nor word of its loss");
  }
  formed.complete = formed.complete || range.last == wanted.last || range.last < committed;
  return formed;
}

bool Outbox::hand_over(Publisher& publisher, Formed formed) {
  const auto range = formed.batch.range;
  const auto size = formed.batch.payload.size();
  const auto published = publisher.publish(std::move(formed.batch));
  if (published) {
    set_trouble(&Outbox::publish_trouble_, {});
    return true;
  }
  if (published.error() != errc::too_large) return false;
  if (range.count() > 1) {
    batch_size_ = std::max<std::size_t>(1, std::min(batch_size_, size) / 2);
  } else {
    stall("record " + std::to_string(range.first.value) + ": " + published.error().message());
  }
  return false;
}

// What the log doesn't have can't be sent: it is released with the rest. The log counts it.
void Outbox::skip_missing(const std::vector<SequenceRange>& missing) {
  const auto first = log_.stats().first;
  for (const auto& range : missing) {
    // drop_oldest takes records from the beginning of the log.
    if (range.last >= first && !unreleased(done_, range).empty()) tell_damage(range);
    mark_done(range);
  }
}

void Outbox::tell_damage(SequenceRange range) const {
  log_warning("publisher", "records can't be read and are passed over",
              {{"pipeline", pipeline_}, {"first", range.first.value}, {"last", range.last.value}});
}

void Outbox::settle(const Delivery& delivery) {
  const auto& range = delivery.range;
  const bool published = range.first <= range.last && range.last <= sent_through_;
  if (!published) return;
  if (delivery.verdict == Delivery::Verdict::lost) {
    for (const auto& rest : unreleased(done_, range)) insert_merged(lost_, rest);
    return;
  }
  const auto fresh = range.count() - count_released(done_, range);
  if (fresh == 0) return;
  published_ += fresh;
  rejected_ += std::min(fresh, delivery.rejected);
  mark_done(range);
}

void Outbox::mark_done(SequenceRange range) {
  for (const auto& fresh : unreleased(done_, range)) insert_merged(waiting_, fresh);
  add_released(done_, range);
}

void Outbox::release(bool now_please) {
  const auto now = clock_.monotonic();
  const bool due = now - released_at_ >= options_.release_wait || waiting_.size() > kWaitingMax;
  if (waiting_.empty() || now < release_not_before_ || (!due && !now_please)) return;
  released_at_ = now;
  while (!waiting_.empty()) {
    const auto released = log_.release(kPublisherCursor, waiting_.front());
    if (!released) {
      // Too many gaps: they close when what is before them comes back.
      if (released.error() == errc::queue_full) return;
      set_trouble(&Outbox::release_trouble_, released.error().message());
      release_not_before_ = now + release_backoff_.next();
      return;
    }
    waiting_.erase(waiting_.begin());
  }
  release_backoff_.reset();
  set_trouble(&Outbox::release_trouble_, {});
}

std::optional<nanoseconds> Outbox::next_due() const {
  std::optional<nanoseconds> due;
  const auto sooner = [&](nanoseconds time) { due = due ? std::min(*due, time) : time; };
  if (first_seen_) sooner(*first_seen_ + options_.batch_wait);
  if (stalled_until_ > clock_.monotonic()) sooner(stalled_until_);
  if (!waiting_.empty())
    sooner(std::max(released_at_ + options_.release_wait, release_not_before_));
  return due;
}

bool Outbox::empty() const { return waiting_.empty() && done_.prefix >= log_.stats().committed; }

void Outbox::stall(const std::string& why) {
  stalled_until_ = clock_.monotonic() + stall_backoff_.next();
  set_trouble(&Outbox::publish_trouble_, why);
}

// Says it once, when it begins and when it is over.
void Outbox::set_trouble(std::string Outbox::* which, const std::string& why) {
  const MutexLock lock(trouble_mutex_);
  auto& trouble = this->*which;
  if (trouble == why) return;
  if (why.empty()) {
    log_info("publisher", "the buffer is delivered again", {{"pipeline", pipeline_}});
    stall_backoff_.reset();
  } else {
    log_error("publisher", why, {{"pipeline", pipeline_}});
  }
  trouble = why;
}

Outbox::Counts Outbox::counts() const {
  return {.published = published_,
          .rejected = rejected_,
          .undecodable = undecodable_,
          .resent_batches = resent_batches_};
}

HealthCheck Outbox::health() const {
  const MutexLock lock(trouble_mutex_);
  if (!publish_trouble_.empty()) return {.up = false, .detail = publish_trouble_};
  if (!release_trouble_.empty()) return {.up = false, .detail = release_trouble_};
  return {};
}

}  // namespace tributary::edge
