#include "collector/stream/embedded_stream.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "collector/stream/committer.h"
#include "collector/stream/dead_letter_list.h"
#include "collector/stream/embedded_consumer.h"
#include "collector/stream/embedded_producer.h"
#include "collector/stream/rejected_count.h"
#include "collector/stream/settlement.h"

namespace tributary::collector {
namespace {

constexpr std::uint64_t kSegmentSizeMax = 16U << 20;
constexpr std::uint64_t kSegmentsLeast = 8;  // room is given back by the segment
constexpr std::uint64_t kDeadLettersPendingPart = 4;
constexpr std::uint64_t kNearlyFullPercent = 80;
constexpr std::size_t kNotesMax = 5;

// A file name of its own: what Kafka allows in the name of a topic.
bool is_name(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !text.empty() && text != "." && text != ".." &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

LogOptions records_options(const EmbeddedStreamOptions& options) {
  LogOptions log;
  log.directory = options.directory / options.topic;
  log.size_max = options.size_max;
  log.segment_size = std::min(kSegmentSizeMax, options.size_max / kSegmentsLeast);
  log.when_full = WhenFull::refuse;
  log.cursors = {options.group};
  return log;
}

LogOptions dead_letters_options(const EmbeddedStreamOptions& options) {
  LogOptions log;
  log.directory = options.directory / (options.topic + ".dead");
  log.size_max = options.dead_letters_size_max;
  log.segment_size = std::min(kSegmentSizeMax, options.dead_letters_size_max / kSegmentsLeast);
  log.when_full = WhenFull::drop_oldest;
  log.keep_released = true;
  // What one commit writes never makes it drop what the last one wrote, which may not be counted
  // yet.
  log.pending_size_max =
      std::min(log.pending_size_max,
               static_cast<std::size_t>(options.dead_letters_size_max / kDeadLettersPendingPart));
  log.cursors = {RejectedCount::kCursor};
  return log;
}

void add_sentence(std::string& to, std::string_view sentence) {
  if (sentence.empty()) return;
  if (!to.empty()) to += "; ";
  to += sentence;
}

void add_notes(std::string& to, const Recovery& recovery) {
  const auto& notes = recovery.notes;
  const auto shown = std::min(notes.size(), kNotesMax);
  for (std::size_t i = 0; i < shown; ++i) add_sentence(to, notes[i]);
  if (notes.size() > shown) {
    add_sentence(to, "and " + std::to_string(notes.size() - shown) + " more of the kind");
  }
}

class EmbeddedStream final : public Stream {
 public:
  EmbeddedStream(EmbeddedStreamOptions options, std::unique_ptr<Log> log,
                 std::unique_ptr<Log> dead_log, std::unique_ptr<Settlement> settlement,
                 std::unique_ptr<RejectedCount> rejected)
      : options_(std::move(options)),
        log_(std::move(log)),
        dead_log_(std::move(dead_log)),
        settlement_(std::move(settlement)),
        rejected_(std::move(rejected)),
        dead_letters_(*dead_log_, options_.topic),
        committer_(*log_, nullptr),
        dead_committer_(*dead_log_, rejected_.get()) {
    add_notes(notes_, log_->recovery());
    add_sentence(notes_, settlement_->note());
    add_notes(notes_, dead_log_->recovery());
    add_sentence(notes_, rejected_->note());
  }

  std::unique_ptr<Producer> make_producer() override {
    return std::make_unique<EmbeddedProducer>(*log_, committer_, nullptr);
  }
  std::unique_ptr<Producer> make_dead_letter_producer() override {
    return std::make_unique<EmbeddedProducer>(*dead_log_, dead_committer_, rejected_.get());
  }
  std::unique_ptr<Consumer> make_consumer() override {
    return std::make_unique<EmbeddedConsumer>(*log_, *settlement_);
  }

  Result<Account> account() const override {
    auto account = settlement_->account();
    const auto rejected = rejected_->value();
    account.records += rejected;
    account.totals.rejected += rejected;
    return account;
  }

  Result<std::vector<DeadLetter>> dead_letters(std::uint64_t after,
                                               std::size_t most) const override {
    return dead_letters_.list(after, most);
  }
  Result<std::uint64_t> last_dead_letter() const override {
    return dead_log_->stats().committed.value;
  }

  HealthCheck health() const override;

 private:
  const EmbeddedStreamOptions options_;
  std::string notes_;  // of opening
  const std::unique_ptr<Log> log_;
  const std::unique_ptr<Log> dead_log_;
  const std::unique_ptr<Settlement> settlement_;
  const std::unique_ptr<RejectedCount> rejected_;
  const DeadLetterList dead_letters_;
  Committer committer_;  // last: their threads use the rest
  Committer dead_committer_;
};

HealthCheck EmbeddedStream::health() const {
  HealthCheck check;
  for (const auto* committer : {&committer_, &dead_committer_}) {
    if (const auto failure = committer->failure()) {
      check.up = false;
      add_sentence(check.detail, "records wait for the disk, trying again: " + *failure);
    }
  }
  if (!check.up) return check;
  check.detail = notes_;
  const auto percent = log_->stats().bytes * 100 / options_.size_max;
  if (percent > kNearlyFullPercent) {
    add_sentence(check.detail,
                 "the stream is " + std::to_string(percent) +
                     " % full: its sources wait once it is full, until the store catches up");
  }
  if (const auto gone = dead_log_->stats().first.value - 1; gone > 0) {
    add_sentence(check.detail, "the oldest " + std::to_string(gone) +
                                   " dead letters are gone: they have " +
                                   std::to_string(options_.dead_letters_size_max >> 20U) +
                                   " MiB (embedded.dead_letters_size)");
  }
  check.warning = !check.detail.empty();
  return check;
}

}  // namespace

Result<std::unique_ptr<Stream>> open_embedded_stream(FileSystem& files,
                                                     EmbeddedStreamOptions options) {
  if (!is_name(options.topic)) {
    return fail(errc::invalid_argument,
                "the topic \"" + options.topic +
                    "\" can't name files: only letters, digits, '.', '_' and '-' can");
  }
  TRIBUTARY_ASSIGN(auto log, Log::open(files, records_options(options)));
  TRIBUTARY_ASSIGN(auto dead_log, Log::open(files, dead_letters_options(options)));
  TRIBUTARY_ASSIGN(auto settlement, Settlement::load(*log, options.group));
  TRIBUTARY_ASSIGN(auto rejected, RejectedCount::load(*dead_log));
  return std::make_unique<EmbeddedStream>(std::move(options), std::move(log), std::move(dead_log),
                                          std::move(settlement), std::move(rejected));
}

}  // namespace tributary::collector
