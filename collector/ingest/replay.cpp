#include "collector/ingest/replay.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "collector/ingest/event_topic.h"
#include "collector/ingest/intake.h"
#include "collector/ingest/topic_members.h"
#include "collector/stream/replay_marks.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPage = 256;
constexpr auto kWait = 200ms;
constexpr auto kPatience = 5s;  // for what is under way when the replay is broken off
constexpr const char* kBrokenOff = "a stop was asked for, or whoever asked has gone";

// One run, from its first page to its last.
class Run {
 public:
  Run(Stream& letters, Pipeline* pipeline, const ReplayRoute& route, const TopicMap& topics,
      const Clock& clock, const ReplayRequest& request, const std::function<bool()>& go_on)
      : letters_(letters),
        pipeline_(pipeline),
        route_(route),
        topics_(topics),
        clock_(clock),
        request_(request),
        wanted_(request.offsets.begin(), request.offsets.end()),
        go_on_(go_on),
        marks_(letters.make_dead_letter_producer()) {
    report_.dry_run = request.dry_run;
  }

  Result<ReplayReport> run() {
    TRIBUTARY_ASSIGN(const auto last, letters_.last_dead_letter());
    bool began = false;
    for (auto after = place_before(0); after && !ended();) {
      auto page = letters_.dead_letters(*after, kPage);
      if (!page && !began) return std::unexpected(std::move(page).error());
      began = true;
      if (!page) {
        report_.broken_off = page.error().message();
        break;
      }
      std::erase_if(*page, [&](const auto& letter) { return letter.sequence > last; });
      if (page->empty()) break;
      take(*page);
      after = place_before(page->back().dead_offset + 1);
      if (after) after = std::max(*after, page->back().sequence);
    }
    if (report_.broken_off.empty()) report_.not_found.assign(wanted_.begin(), wanted_.end());
    return std::move(report_);
  }

 private:
  // What a letter holds: parts of it, or of `spliced`.
  struct Records {
    std::vector<std::string_view> texts;
    std::deque<std::string> spliced;
  };
  // A letter of the page that is on its way.
  struct UnderWay {
    Records content;
    std::size_t records = 0;  // not durable yet
    bool whole = false;       // all of its records were appended
    std::string mistake;      // why they can't be
  };

  [[nodiscard]] bool ended() const { return !report_.broken_off.empty(); }

  // The sequence to list from for what is wanted from the offset on; nothing when nothing is.
  [[nodiscard]] std::optional<std::uint64_t> place_before(std::uint64_t offset) const {
    if (request_.offsets.empty()) return 0;
    const auto next = wanted_.lower_bound(offset);
    if (next == wanted_.end()) return std::nullopt;
    return *next > 0 ? *next - 1 : 0;
  }

  // False, and the report says so, when the replay is broken off and what is under way has had its
  // time.
  bool wait_on() {
    if (go_on_()) return true;
    if (report_.broken_off.empty()) {
      report_.broken_off = kBrokenOff;
      broken_off_at_ = clock_.monotonic();
    }
    return clock_.monotonic() - broken_off_at_ < kPatience;
  }

  void take(const std::vector<DeadLetter>& page) {
    under_way_.clear();
    for (std::size_t i = 0; i < page.size(); ++i) {
      if (!wait_on() || ended()) break;
      consider(page[i], i);
    }
    if (!wait_until_durable()) return;
    std::vector<const DeadLetter*> durable;
    for (const auto& [index, letter] : under_way_) {
      if (!letter.mistake.empty()) {
        refuse(page[index], letter.mistake);
      } else if (letter.whole) {
        durable.push_back(&page[index]);
      }
    }
    if (!mark(durable)) return;
    for (const auto* letter : durable) ++report_.reasons[letter->reason].replayed;
  }

  void consider(const DeadLetter& letter, std::size_t index) {
    if (!request_.offsets.empty() && wanted_.erase(letter.dead_offset) == 0) return;
    if (!request_.takes(letter.reason)) return;
    auto& counts = report_.reasons[letter.reason];
    if (letter.replayed_at) {
      ++counts.skipped;
    } else if (letter.cut) {
      ++counts.truncated;
    } else if (auto door = door_of(letter); !door) {
      refuse(letter, door.error());
    } else if (auto records = records_of(letter); !records) {
      refuse(letter, records.error());
    } else if (const auto mistake = check(**door, *records)) {
      refuse(letter, *mistake);
    } else if (request_.dry_run) {
      ++counts.replayed;
    } else {
      append(**door, letter, *std::move(records), index);
    }
  }

  void refuse(const DeadLetter& letter, std::string why) {
    report_.add({.offset = letter.dead_offset, .reason = letter.reason, .detail = std::move(why)});
  }

  // Where the letter goes, or why it can't go anywhere.
  std::expected<Intake*, std::string> door_of(const DeadLetter& letter) {
    auto* pipeline = pipeline_;
    if (pipeline == nullptr) {
      const auto topic = parse_event_topic(letter.topic);
      const auto* const rule = rule_of(letter);
      if (!topic && rule == nullptr) {
        return std::unexpected("the topic " + letter.topic +
                               " is neither tributary/<edge>/events/<pipeline> nor mapped to one");
      }
      const auto name = topic ? std::string(topic->pipeline) : rule->pipeline;
      const auto routed = route_(name);
      if (!routed) return std::unexpected(routed.error().message());
      if (*routed == nullptr) return std::unexpected("there is no pipeline \"" + name + "\"");
      pipeline = *routed;
    }
    return &doors_.try_emplace(pipeline, *pipeline, clock_).first->second;
  }

  // What its topic says of a letter that came over MQTT and never was in a stream.
  [[nodiscard]] const TopicRule* rule_of(const DeadLetter& letter) const {
    const bool has_topic = letter.source == "mqtt" && !letter.offset;
    return has_topic && !parse_event_topic(letter.topic) ? topics_.find(letter.topic) : nullptr;
  }

  // A letter of no pipeline is a whole message.
  [[nodiscard]] std::expected<Records, std::string> records_of(const DeadLetter& letter) const {
    Records records;
    if (pipeline_ != nullptr) {
      records.texts = {letter.event};
    } else {
      records.texts = split_records(letter.event, Framing::detect);
    }
    if (records.texts.empty()) return std::unexpected("there is no record in it");
    if (records.texts.size() > kRecordsMax) return std::unexpected(kTooManyRecords);
    const auto* const rule = rule_of(letter);
    if (rule == nullptr || rule->adds_nothing()) return records;
    const TopicMembers members(*rule, letter.topic);
    for (auto& text : records.texts) {
      auto spliced = members.add_to(text);
      if (!spliced) return std::unexpected(to_text(spliced.error()));
      if (!spliced->empty()) text = records.spliced.emplace_back(*std::move(spliced));
    }
    return records;
  }

  static std::optional<std::string> check(Intake& door, const Records& records) {
    const auto& texts = records.texts;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto problem = door.check(texts[i]);
      if (!problem) continue;
      if (texts.size() == 1) return to_text(*problem);
      return "record " + std::to_string(i + 1) + " of " + std::to_string(texts.size()) + ": " +
             to_text(*problem);
    }
    return std::nullopt;
  }

  void append(Intake& door, const DeadLetter& letter, Records records, std::size_t index) {
    Origin origin{.source = letter.source,
                  .topic = letter.topic,
                  .edge = letter.edge,
                  .log = letter.log,
                  .sequence = letter.sender_sequence,
                  .replayed = letter.place,
                  .received_at = letter.received_at};
    auto& under_way = under_way_[index];
    under_way.content = std::move(records);
    for (const auto record : under_way.content.texts) {
      auto taken = door.offer(record, origin, index);
      while (taken && !*taken) {  // no room
        if (!wait_on() || ended()) return;
        collect(door);
        taken = door.offer(record, origin, index);
      }
      if (!taken) {
        under_way.mistake = to_text(taken.error());
        return;
      }
      ++under_way.records;
      if (origin.sequence.value != 0) origin.sequence = origin.sequence.next();
    }
    under_way.whole = true;
  }

  void collect(Intake& door) {
    for (const auto& durable : door.poll(kWait)) {
      auto& letter = under_way_[durable.token];
      --letter.records;
      if (durable.rejected_late)
        letter.mistake = "the stream can't hold it: it is a new dead letter";
    }
  }

  // False when it was broken off before.
  bool wait_until_durable() {
    for (auto& [pipeline, door] : doors_) {
      while (door.in_flight() > 0) {
        if (!wait_on()) return false;
        collect(door);
      }
    }
    return true;
  }

  // Makes it durable that these letters were replayed. False when it was broken off before.
  bool mark(const std::vector<const DeadLetter*>& replayed) {
    std::vector<std::uint64_t> offsets;
    offsets.reserve(replayed.size());
    for (const auto* letter : replayed) offsets.push_back(letter->dead_offset);
    const auto texts = replay_mark_texts(offsets);
    std::vector<std::size_t> waiting(texts.size());
    std::iota(waiting.begin(), waiting.end(), 0);
    for (std::size_t in_flight = 0; !waiting.empty() || in_flight > 0;) {
      while (!waiting.empty() &&
             marks_->append({.envelope = replay_mark(texts[waiting.back()], clock_.now()),
                             .partition_key = {},
                             .token = waiting.back()})) {
        waiting.pop_back();
        ++in_flight;
      }
      for (const auto& delivery : marks_->poll(kWait)) {
        --in_flight;
        if (delivery.error) waiting.push_back(delivery.token);
      }
      if (!waiting.empty() || in_flight > 0) {
        if (!wait_on()) return false;
      }
    }
    return true;
  }

  Stream& letters_;
  Pipeline* const pipeline_;
  const ReplayRoute& route_;
  const TopicMap& topics_;
  const Clock& clock_;
  const ReplayRequest& request_;
  std::set<std::uint64_t> wanted_;  // offsets that are asked for and were not met yet
  const std::function<bool()>& go_on_;
  const std::unique_ptr<Producer> marks_;
  std::map<Pipeline*, Intake> doors_;
  std::map<std::size_t, UnderWay> under_way_;  // by the letters' indexes in the page
  std::chrono::nanoseconds broken_off_at_{};
  ReplayReport report_;
};

}  // namespace

Replay::Replay(Pipeline& pipeline, const TopicMap& topics, const Clock& clock)
    : letters_(*pipeline.stream), pipeline_(&pipeline), topics_(topics), clock_(clock) {}

Replay::Replay(Stream& unrouted, ReplayRoute route, const TopicMap& topics, const Clock& clock)
    : letters_(unrouted),
      pipeline_(nullptr),
      route_(std::move(route)),
      topics_(topics),
      clock_(clock) {}

Result<ReplayReport> Replay::run(const ReplayRequest& request, const std::function<bool()>& go_on) {
  return Run(letters_, pipeline_, route_, topics_, clock_, request, go_on).run();
}

}  // namespace tributary::collector
