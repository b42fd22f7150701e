#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "collector/outcome.h"
#include "shared/log/envelope.h"
#include "shared/log/log.h"
#include "shared/observe/health.h"

namespace tributary::collector {

// One record on its way into a stream. All views must live until append() returns.
struct Record {
  Envelope envelope;
  std::string_view partition_key;  // records of one key keep their order
  std::uint64_t token = 0;         // the caller's own name for it, which the delivery brings back
};

// The record is durable, or (error) it may not be in the stream: append it again. Deliveries of one
// producer come in any order.
struct Delivery {
  std::uint64_t token = 0;
  std::error_code error;
};

// The way into a stream, for one thread: every thread that appends has a producer of its own.
class Producer {
 public:
  virtual ~Producer() = default;
  // Takes the record over (its bytes are copied). errc::queue_full: poll() until there is room.
  // errc::too_large: it can never be taken.
  virtual Result<void> append(const Record& record) = 0;
  // What became durable or failed since the last call; waits up to `wait` for the first one, also
  // when nothing is on its way.
  virtual std::vector<Delivery> poll(std::chrono::milliseconds wait) = 0;
};

// Records of a stream, for one consumer; those of one partition in order.
struct Batch {
  struct Entry {
    Envelope envelope;  // its views point into `bytes`
    std::int32_t partition = 0;
    std::uint64_t offset = 0;
    bool damaged = false;  // no envelope could be read: the bytes are in envelope.event
  };
  // Offsets of one partition, both ends included.
  struct Span {
    std::int32_t partition = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    // Which of this consumer's turns at the partition the records came in: what is settled after
    // the turn's end settles nothing.
    std::uint64_t turn = 0;

    [[nodiscard]] std::uint64_t count() const { return last - first + 1; }
  };
  std::vector<Entry> entries;
  // What the stream lost, to damage or to its retention; each offset counts as `rejected` when the
  // batch is settled.
  std::vector<Span> missing;
  std::vector<Span> spans;            // all that this batch settles, one for each partition
  std::shared_ptr<const void> bytes;  // keeps what the views point into

  [[nodiscard]] bool empty() const { return entries.empty() && missing.empty(); }
};

// The way out of a stream, for one group of consumers and one thread.
class Consumer {
 public:
  virtual ~Consumer() = default;
  // The records after the last batch that this consumer received; waits up to `wait` for the first,
  // and gives an empty batch when none came. Failures are passing: wait and call again.
  virtual Result<Batch> receive(BatchLimit limit, std::chrono::milliseconds wait) = 0;
  // Every entry of the batch has come to its end: outcomes[i] is that of entries[i], none is
  // `retry`. Durable on return, and with it the totals. Batches settle in the order of receive();
  // one that failed to settle is settled again before any other. A batch of nothing but `missing`
  // is settled too, with no outcomes. Partitions that went to another consumer meanwhile are left
  // out: their records come again, there.
  virtual Result<void> settle(const Batch& batch, std::span<const Outcome> outcomes) = 0;
  // Tells the stream that this consumer lives. To be called every second or so while neither
  // receive() nor settle() is: else the consumer's partitions may go to another one.
  virtual void keep_alive() = 0;
};

// One dead letter as it is listed. The texts are copies.
struct DeadLetter {
  std::uint64_t sequence = 0;     // its place in the list, from 1
  std::uint64_t dead_offset = 0;  // its place among the stream's dead letters: its name for people
  std::string place;              // and for good: "<topic>.dead/<partition>/<dead_offset>"
  std::string reason, detail, topic, pipeline, source, edge;
  std::int32_t partition = 0;
  std::optional<std::uint64_t> offset;  // absent: it never was in a stream
  Timestamp received_at;
  Id log{};  // of the sender's buffer, and the place there, where known
  Sequence sender_sequence{};
  std::string replay_of;                 // the place of the letter that the record was before
  std::optional<Timestamp> replayed_at;  // when it was replayed
  std::string event;                     // the original bytes …
  bool cut = false;                      // … or their beginning
};

// A list of dead letters ends once they have so many bytes.
inline constexpr std::size_t kDeadLettersSizeMax = 4U << 20;

// A pipeline's durable queue between ingest and persister, with its dead letters. Any thread may
// call its own functions; what they make belongs to one thread each and must not outlive it.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual std::unique_ptr<Producer> make_producer() = 0;
  // Takes envelopes of any size: what the stream can't hold is cut, with its length and SHA-256 in
  // the detail. Never too_large.
  virtual std::unique_ptr<Producer> make_dead_letter_producer() = 0;
  virtual std::unique_ptr<Consumer> make_consumer() = 0;  // one at a time

  // As of a moment ago; of some seconds ago when the stream doesn't answer, and errc::unavailable
  // when it doesn't for longer.
  virtual Result<Account> account() const = 0;
  // Dead letters after `after` (0: from the oldest kept), oldest first; fewer than `most` only when
  // there are no more or they have kDeadLettersSizeMax bytes, and none only when there are no more.
  // The marks of replays are not among them.
  virtual Result<std::vector<DeadLetter>> dead_letters(std::uint64_t after,
                                                       std::size_t most) const = 0;
  // The sequence of the newest one; 0: there never was any. No dead letter that comes later has it
  // or one before it.
  virtual Result<std::uint64_t> last_dead_letter() const = 0;
  virtual HealthCheck health() const = 0;
};

}  // namespace tributary::collector
