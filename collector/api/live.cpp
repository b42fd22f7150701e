#include "collector/api/live.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <deque>
#include <list>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "collector/api/describe.h"
#include "collector/api/event_filter.h"
#include "collector/api/find_pipeline.h"
#include "collector/api/parameters.h"
#include "shared/base/id.h"
#include "shared/base/mutex.h"
#include "shared/base/thread.h"
#include "shared/event/codec.h"
#include "shared/http/problem.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 100ms;     // for new readers, and for those that are gone
constexpr auto kSignOfLife = 5s;  // a comment, to a reader that gets nothing else: is it there?
constexpr std::size_t kBatches = 256;  // at once
constexpr std::string_view kBegin = ": tributary\nretry: 2000\n\n";
constexpr std::string_view kComment = ":\n\n";

static_assert(kEventSizeMax < Live::kKeptBytes, "the latest event is always kept");
// Beside its data an event has an id: what is kept, whole, finds room.
static_assert(Live::kKeptBytes + Live::kKept * 64 < Live::kWaitingMax);

// What a reader that comes back had last.
struct LastEvent {
  std::string run;
  std::uint64_t number = 0;

  static std::optional<LastEvent> parse(std::string_view id) {
    const auto dash = id.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    LastEvent last{.run = std::string(id.substr(0, dash))};
    const auto digits = id.substr(dash + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), last.number);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return last;
  }
};

struct Reader {
  HttpFeed feed;
  EventFilter filter;
  std::optional<LastEvent> last;
  std::chrono::nanoseconds sent_at{};

  bool send(std::string_view piece, std::chrono::nanoseconds now) {
    sent_at = now;
    return feed.send(piece);
  }
};

struct Kept {
  std::uint64_t number = 0;
  Event event;
};

HttpOperation live_operation() {
  return {
      .id = "getLive",
      .summary = "Events as they are accepted, as server-sent events",
      .description =
          "What `{pipeline}` accepts from now on, each event once it is durable. Every parameter "
          "filters by the top-level field of its name. With Last-Event-ID (browsers send it by "
          "themselves) it begins behind that event; an event `gap` says what could not be given.",
      .parameters = {{.name = "Last-Event-ID",
                      .description = "The id of the last event that the client has.",
                      .in = "header"},
                     {.name = std::string(kFieldParameter),
                      .description = "Only events whose `{field}` has this value."}},
      .answers = {{.status = 200,
                   .description = "It has no end.",
                   .content = {{.type = "text/event-stream", .schema = R"({"type":"string"})"}}}}};
}

std::string new_run() { return Id::random().text().substr(0, 12); }

// A piece of the body.
std::string text_of(const Kept& event, const std::string& run) {
  return "id: " + run + '-' + std::to_string(event.number) + "\ndata: " + event.event.json + "\n\n";
}

std::string gap_text(std::string_view members) {
  return "event: gap\ndata: {" + std::string(members) + "}\n\n";
}

// One pipeline. What is not atomic, and not const, is the live thread's.
struct Line {
  Line(BoundedQueue<LiveBatch>& queue, std::size_t number, const Schema& schema,
       const std::string& pipeline, Metrics& metrics)
      : channel(queue, number),
        codec(schema),
        dropped(metrics.counter("tributary_collector_live_dropped_readers_total",
                                "Readers of /live that were too slow", {{"pipeline", pipeline}})),
        missed(metrics.counter("tributary_collector_live_missed_events_total",
                               "Accepted events that /live had no room for",
                               {{"pipeline", pipeline}})) {}

  LiveChannel channel;
  Codec codec;
  Counter& dropped;
  Counter& missed;
  // Of the numbers: a new one begins when some events got none.
  std::string run = new_run();
  std::deque<Kept> kept{};
  std::size_t kept_bytes = 0;
  std::uint64_t last_number = 0;
  std::list<Reader> readers{};
  std::atomic<std::size_t> readers_count = 0;
  std::chrono::nanoseconds wanted_until{};
};

}  // namespace

class Live::Impl {
 public:
  Impl(std::span<Pipeline* const> pipelines, const Clock& clock, Metrics& metrics)
      : all_(pipelines.begin(), pipelines.end()), clock_(clock), queue_(kQueueBytes) {
    for (auto* pipeline : all_) {
      const auto& name = pipeline->config.name;
      auto& line =
          lines_.emplace_back(queue_, lines_.size(), pipeline->config.schema, name, metrics);
      pipeline->live = &line.channel;
      metrics.observe(Metrics::Kind::gauge, "tributary_collector_live_readers", "Readers of /live",
                      {{"pipeline", name}},
                      [&line] { return static_cast<double>(line.readers_count.load()); });
    }
    thread_ = Thread("live", [this](const std::stop_token& stop) { run(stop); });
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void stop() {
    {
      const MutexLock lock(mutex_);
      stopped_ = true;
    }
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }

  // On an I/O thread.
  void join(const HttpRequest& request, HttpResponder responder) {
    const auto pipeline = find_pipeline(request, all_);
    if (!pipeline) return responder.respond(pipeline.error());
    const auto& schema = (*pipeline)->config.schema;
    const Parameters parameters(request, schema, {});
    auto filter = EventFilter::of(parameters.filters(), schema);
    if (!parameters.mistakes().empty()) {
      return responder.respond(problem(400, parameters.mistakes()));
    }
    if (!filter) return responder.respond(problem(400, filter.error().message()));
    const auto line = static_cast<std::size_t>(std::ranges::find(all_, *pipeline) - all_.begin());

    const MutexLock lock(mutex_);
    if (stopped_ || readers_ >= kReadersMax) {
      return responder.respond(unavailable(
          stopped_ ? "this collector is about to end" : "there are as many readers as there may be",
          10s));
    }
    ++readers_;
    lines_[line].channel.set_wanted(true);  // from now on nothing is missed
    const HttpResponse head{
        .content_type = "text/event-stream",
        .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}};
    joining_.emplace_back(
        line, Reader{.feed = responder.feed(head, kWaitingMax),
                     .filter = *std::move(filter),
                     .last = LastEvent::parse(request.header("Last-Event-ID").value_or(""))});
  }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto batches = queue_.pop(kBatches, kLook, stop);
      // Before what was just accepted: a reader is promised all from its arrival on.
      take_in();
      for (const auto& batch : batches) {
        for (const auto& record : batch.records) take(lines_[batch.pipeline], record);
      }
      for (auto& line : lines_) look_after(line);
    }
    for (auto& line : lines_) line.readers.clear();
    const MutexLock lock(mutex_);
    joining_.clear();
  }

  void take_in() {
    std::vector<std::pair<std::size_t, Reader>> joining;
    {
      const MutexLock lock(mutex_);
      joining.swap(joining_);
    }
    for (auto& [number, reader] : joining) {
      auto& line = lines_[number];
      line.channel.set_wanted(true);
      auto& joined = line.readers.emplace_back(std::move(reader));
      if (!begin(line, joined)) line.readers.pop_back();
      count(line);
    }
  }

  // What the reader missed since its last event.
  bool begin(const Line& line, Reader& reader) {
    const auto now = clock_.monotonic();
    if (!reader.send(kBegin, now)) return false;
    if (!reader.last) return true;
    auto from = reader.last->number + 1;
    const auto first = line.kept.empty() ? line.last_number + 1 : line.kept.front().number;
    if (reader.last->run != line.run || from > line.last_number + 1) {
      from = first;
      if (!reader.send(gap_text(R"("reason":"what came since is not known any more")"), now))
        return false;
    } else if (from < first) {
      const auto missed = R"("missed":)" + std::to_string(first - from);
      if (!reader.send(gap_text(missed), now)) return false;
    }
    return std::ranges::all_of(line.kept, [&](const Kept& event) {
      return event.number < from || !reader.filter.matches(*event.event.document) ||
             reader.send(text_of(event, line.run), now);
    });
  }

  void take(Line& line, const std::string& record) {
    auto event = line.codec.decode_validated(record);
    if (!event) return;  // it was valid at ingest
    line.kept_bytes += event->json.size();
    line.kept.push_back({.number = ++line.last_number, .event = *std::move(event)});
    while (line.kept.size() > kKept || line.kept_bytes > kKeptBytes) {
      line.kept_bytes -= line.kept.front().event.json.size();
      line.kept.pop_front();
    }
    const auto now = clock_.monotonic();
    const auto& kept = line.kept.back();
    std::string text;
    std::erase_if(line.readers, [&](Reader& reader) {
      if (!reader.filter.matches(*kept.event.document)) return false;
      if (text.empty()) text = text_of(kept, line.run);
      if (reader.send(text, now)) return false;
      line.dropped.add();
      return true;
    });
  }

  // What was not taken, readers that are gone, and whether anybody is left.
  void look_after(Line& line) {
    const auto now = clock_.monotonic();
    if (const auto missed = line.channel.take_missed(); missed > 0) {
      line.missed.add(static_cast<double>(missed));
      line.last_number += missed;
      line.kept.clear();
      line.kept_bytes = 0;
      for (auto& reader : line.readers) {
        reader.send(gap_text(R"("missed":)" + std::to_string(missed)), now);
      }
    }
    std::erase_if(line.readers, [&](Reader& reader) {
      return now - reader.sent_at >= kSignOfLife && !reader.send(kComment, now);
    });
    count(line);
    if (!line.readers.empty()) line.wanted_until = now + kKeepAfter;
    if (!line.channel.is_wanted() || now < line.wanted_until) return;
    const MutexLock lock(mutex_);
    if (!joining_.empty()) return;
    line.channel.set_wanted(false);
    line.kept.clear();
    line.kept_bytes = 0;
    line.run = new_run();
  }

  void count(Line& line) {
    const MutexLock lock(mutex_);
    line.readers_count = line.readers.size();
    readers_ = joining_.size();
    for (const auto& each : lines_) readers_ += each.readers_count;
  }

  const std::vector<Pipeline*> all_;
  const Clock& clock_;
  BoundedQueue<LiveBatch> queue_;
  std::deque<Line> lines_;  // as the pipelines
  Mutex mutex_;
  std::vector<std::pair<std::size_t, Reader>> joining_ TRIBUTARY_GUARDED_BY(mutex_);
  std::size_t readers_ TRIBUTARY_GUARDED_BY(mutex_) = 0;
  bool stopped_ TRIBUTARY_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

Live::Live(HttpServer& server, std::span<Pipeline* const> pipelines, const Clock& clock,
           Metrics& metrics)
    : impl_(std::make_unique<Impl>(pipelines, clock, metrics)) {
  for (const auto* pattern : {"/live", "/live/{pipeline}"}) {
    server.route(
        {.method = "GET", .pattern = pattern, .scope = "query", .operation = live_operation()},
        [impl = impl_.get()](const HttpRequest& request, HttpResponder responder) {
          impl->join(request, std::move(responder));
        });
  }
}

Live::~Live() = default;

void Live::stop() { impl_->stop(); }

}  // namespace tributary::collector
