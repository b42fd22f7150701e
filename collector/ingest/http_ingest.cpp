#include "collector/ingest/http_ingest.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <list>
#include <map>
#include <vector>

#include "collector/ingest/intake.h"
#include "shared/base/ascii.h"
#include "shared/base/bounded_queue.h"
#include "shared/base/thread.h"
#include "shared/event/json.h"
#include "shared/http/problem.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kIdleWait = 100ms;
constexpr auto kPumpWait = 5ms;  // a new request waits at most this long for the one under way
constexpr auto kStalledAfter = 1s;
constexpr std::size_t kRequestsAtOnce = 1024;
constexpr std::size_t kRequestsWaiting = 100'000;
constexpr std::size_t kRequestOverhead = 2048;  // bytes that a request takes beside its body

// Where the records of one pipeline go in.
struct Door {
  std::string pipeline;
  Intake intake;
  Counter& accepted;
  Counter& rejected;
  Counter& refused;
  bool has_no_room = false;  // it did not take the last record
  std::chrono::nanoseconds full_since{};
  // Full for longer than a burst takes: new requests need not wait to hear of it. Any thread.
  std::atomic<bool> stalled = false;
};

struct Request {
  HttpRequest http;
  HttpResponder responder;
  std::size_t door = 0;
  bool ndjson = false;
  bool bury_invalid = false;  // ?invalid=dead_letter
  std::chrono::nanoseconds deadline{};
};

// A request whose records are being appended or made durable.
struct Job {
  Request request;
  std::vector<std::string_view> records{};
  std::size_t next = 0;  // record to append
  std::size_t accepted = 0;
  std::size_t rejected = 0;
  std::size_t in_flight = 0;
  std::vector<ProblemEntry> errors{};
  bool answered = false;
  bool abandoned = false;  // answered while its records were in flight: they need their body
  std::list<Job>::iterator self{};

  [[nodiscard]] bool done() const { return next == records.size() && in_flight == 0; }
};

std::size_t weight(const HttpRequest& request) { return request.body.size() + kRequestOverhead; }

// "application/json; charset=utf-8" → "application/json", lower case.
std::string media_type(std::string_view content_type) {
  return lower_case(trimmed(content_type.substr(0, content_type.find(';'))));
}

HttpOperation ingest_operation() {
  const std::string event = R"({"$ref":"#/components/schemas/{pipeline}"})";
  const std::string count = R"({"type":"integer","minimum":0})";
  return {
      .id = "postIngest",
      .summary = "Takes events; the answer comes when they are durable",
      .description =
          "One event of `{pipeline}`, an array of them, or NDJSON. 202 says that all of them are "
          "durable in the stream: they will be stored, each once, however often they are sent. "
          "Records "
          "that are no valid events are refused with 400 and the others accepted; with "
          "`?invalid=dead_letter` they go among the dead letters, and the answer is 202.",
      .body = {{.type = "application/json",
                .schema = R"({"anyOf":[)" + event + R"(,{"type":"array","items":)" + event + "}]}"},
               {.type = "application/x-ndjson",
                .schema = R"({"type":"string","description":"One event a line."})"}},
      .answers = {
          {.status = 202,
           .description = "All that is accepted is durable.",
           .content = {{.schema = R"({"type":"object","properties":{"accepted":)" + count +
                                  R"(,"rejected":)" + count + R"(},"required":["accepted"]})"}}},
          {.status = 415,
           .description = "Neither JSON nor NDJSON, or compressed.",
           .content = {problem_content()}}}};
}

class HttpIngestThread final : public HttpIngest {
 public:
  HttpIngestThread(const Config::Http& config, std::span<Pipeline* const> pipelines,
                   HttpServer& server, const Clock& clock, Metrics& metrics)
      : config_(config), clock_(clock), queue_(kRequestsWaiting) {
    for (auto* pipeline : pipelines) add_door(*pipeline, metrics);
    const auto handler = [this](HttpRequest request, HttpResponder responder) {
      accept(std::move(request), std::move(responder));
    };
    for (const auto* pattern : {"/ingest", "/ingest/{pipeline}"}) {
      server.route({.method = "POST",
                    .pattern = pattern,
                    .scope = "ingest",
                    .operation = ingest_operation()},
                   HttpHandler(handler));
    }
    thread_ = Thread("http-ingest", [this](const std::stop_token& stop) { run(stop); });
  }

  ~HttpIngestThread() override { HttpIngestThread::stop(); }
  HttpIngestThread(const HttpIngestThread&) = delete;
  HttpIngestThread& operator=(const HttpIngestThread&) = delete;

  void finish(std::chrono::milliseconds time) override { end_ = clock_.monotonic() + time; }

  void stop() override {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }

 private:
  void add_door(Pipeline& pipeline, Metrics& metrics) {
    const auto& name = pipeline.config.name;
    const MetricLabels labels{{"pipeline", name}, {"source", "http"}};
    names_.emplace(name, doors_.size());
    doors_.emplace_back(name, Intake(pipeline, clock_, &durable_seconds(metrics, labels)),
                        metrics.counter("tributary_collector_ingested_total",
                                        "Events taken into the stream", labels),
                        metrics.counter("tributary_collector_ingest_rejected_total",
                                        "Records put among the dead letters at ingest", labels),
                        metrics.counter("tributary_collector_ingest_refused_total",
                                        "Records refused with 400", labels));
  }

  // On an I/O thread of the server: looks at what can be told without the records, and queues it.
  void accept(HttpRequest http, HttpResponder responder) {
    std::size_t door = 0;
    if (const auto named = http.captured.find("pipeline"); named != http.captured.end()) {
      const auto found = names_.find(named->second);
      if (found == names_.end()) return responder.respond(unknown_pipeline(named->second));
      door = found->second;
    }
    const auto type = media_type(http.header("content-type").value_or("application/json"));
    if (type != "application/json" && type != "application/x-ndjson") {
      return responder.respond(problem(
          415,
          "the content type is \"" + type + "\": send application/json or application/x-ndjson"));
    }
    if (const auto encoding = http.header("content-encoding");
        encoding && !equal_in_any_case(*encoding, "identity")) {
      return responder.respond(problem(
          415, "the content encoding is \"" + std::string(*encoding) + "\": send it as it is"));
    }
    const auto invalid = http.parameter("invalid");
    if (invalid && *invalid != "dead_letter" && *invalid != "refuse") {
      return responder.respond(
          problem(400, "the parameter invalid is dead_letter or refuse (the default)"));
    }
    if (http.body.empty()) {
      return responder.respond(
          problem(400, "the body is empty: send an event as a JSON object, an array or NDJSON"));
    }
    if (doors_[door].stalled) {
      return responder.respond(unavailable("the stream of pipeline " + doors_[door].pipeline +
                                           " is full: try again once it takes records"));
    }
    const auto size = weight(http);
    const auto timeout = std::chrono::nanoseconds(config_.ingest_timeout);
    Request request{.http = std::move(http),
                    .responder = std::move(responder),
                    .door = door,
                    .ndjson = type == "application/x-ndjson",
                    .bury_invalid = invalid == "dead_letter",
                    .deadline = clock_.monotonic() + timeout};
    const bool fits = (bytes_ += size) <= config_.queue_bytes_max;
    if (!fits || !queue_.try_push(std::move(request))) {
      bytes_ -= size;
      return request.responder.respond(
          unavailable("the ingest queue is full: try again in a moment"));
    }
  }

  [[nodiscard]] HttpResponse unknown_pipeline(const std::string& name) const {
    std::string known;
    for (const auto& door : doors_) known += (known.empty() ? "" : ", ") + door.pipeline;
    return problem(404, "there is no pipeline \"" + name + "\": there are " + known);
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (auto& request : queue_.pop(kRequestsAtOnce, jobs_.empty() ? kIdleWait : 0ms, stop)) {
        begin(std::move(request));
      }
      for (auto& job : jobs_) advance(job);
      collect();
      expire();
      std::erase_if(jobs_, [this](Job& job) { return finished(job); });
      open_idle_doors();
    }
  }

  void begin(Request request) {
    auto& job = jobs_.emplace_back(Job{.request = std::move(request)});
    job.self = std::prev(jobs_.end());
    job.records = split_records(job.request.http.body,
                                job.request.ndjson ? Framing::ndjson : Framing::detect);
    const bool blank = job.request.http.body.find_first_not_of(" \t\r\n") == std::string::npos;
    if (!blank && job.records.size() <= kRecordsMax) return;
    job.records.clear();
    job.answered = true;
    job.request.responder.respond(blank ? problem(400, "the body is blank")
                                        : problem(413, kTooManyRecords));
  }

  // Appends as many of the job's records as the stream takes.
  void advance(Job& job) {
    auto& door = doors_[job.request.door];
    const Origin origin{.source = "http", .topic = {}, .edge = {}, .log = {}, .sequence = {}};
    const auto token = reinterpret_cast<std::uint64_t>(&job);
    for (; job.next < job.records.size() && !job.answered; ++job.next) {
      const auto record = job.records[job.next];
      auto taken = door.intake.offer(record, origin, token);
      if (taken && !*taken) return no_room(door);
      door.stalled = false;
      door.full_since = {};
      if (taken) {
        ++job.accepted;
        ++job.in_flight;
      } else if (job.request.bury_invalid) {
        if (!door.intake.offer_dead_letter(record, origin, "invalid", taken.error(), token)) {
          return no_room(door);
        }
        ++job.rejected;
        ++job.in_flight;
      } else {
        job.errors.push_back(
            {.index = job.next, .pointer = taken.error().pointer, .detail = taken.error().detail});
      }
    }
  }

  void no_room(Door& door) {
    const auto now = clock_.monotonic();
    if (door.full_since == 0ns) door.full_since = now;
    door.stalled = now - door.full_since > kStalledAfter;
    door.has_no_room = true;
  }

  // With nobody left who tries, the next request shall.
  void open_idle_doors() {
    if (!jobs_.empty()) return;
    for (auto& door : doors_) door.stalled = false;
  }

  void collect() {
    for (auto& door : doors_) {
      if (door.intake.in_flight() == 0 && !door.has_no_room) continue;
      door.has_no_room = false;
      for (const auto& durable : door.intake.poll(kPumpWait)) {
        auto& job = *reinterpret_cast<Job*>(durable.token);
        --job.in_flight;
        if (durable.rejected_late) {
          --job.accepted;
          ++job.rejected;
        }
        if (job.abandoned && job.in_flight == 0) {
          bytes_ -= weight(job.request.http);
          abandoned_.erase(job.self);
        }
      }
    }
  }

  // Answers 503 to what is not durable in time; what is in flight may still be stored.
  void expire() {
    const auto now = clock_.monotonic();
    for (auto next = jobs_.begin(); next != jobs_.end();) {
      auto& job = *next++;
      if (job.answered || job.done() || now < std::min(job.request.deadline, end_.load())) continue;
      job.answered = true;
      job.request.responder.respond(
          unavailable("not durable in time: send it again, what was stored already is recognised"));
      job.next = job.records.size();
      job.abandoned = job.in_flight > 0;
      if (job.abandoned) abandoned_.splice(abandoned_.end(), jobs_, job.self);
    }
  }

  bool finished(Job& job) {
    if (!job.done()) return false;
    if (!job.answered) answer(job);
    bytes_ -= weight(job.request.http);
    return true;
  }

  void answer(Job& job) {
    auto& door = doors_[job.request.door];
    door.accepted.add(static_cast<double>(job.accepted));
    door.rejected.add(static_cast<double>(job.rejected));
    door.refused.add(static_cast<double>(job.errors.size()));
    const auto accepted = std::to_string(job.accepted);
    if (!job.errors.empty()) {
      const auto detail = std::to_string(job.errors.size()) + " of " +
                          std::to_string(job.records.size()) +
                          " records are invalid; the others are accepted";
      job.request.responder.respond(problem(400, detail, job.errors, {{"accepted", accepted}}));
      return;
    }
    auto body = R"({"accepted":)" + accepted;
    if (job.request.bury_invalid || job.rejected > 0)
      body += R"(,"rejected":)" + std::to_string(job.rejected);
    job.request.responder.respond(
        {.status = 202, .content_type = "application/json", .body = body + "}", .headers = {}});
  }

  const Config::Http config_;
  const Clock& clock_;
  std::deque<Door> doors_;
  std::map<std::string, std::size_t, std::less<>> names_;
  BoundedQueue<Request> queue_;
  std::atomic<std::size_t> bytes_ = 0;  // of the requests that wait or are under way
  std::atomic<std::chrono::nanoseconds> end_ = std::chrono::nanoseconds::max();
  std::list<Job> jobs_;  // their addresses are the tokens
  std::list<Job> abandoned_;
  Thread thread_;
};

}  // namespace

std::unique_ptr<HttpIngest> HttpIngest::start(const Config::Http& config,
                                              std::span<Pipeline* const> pipelines,
                                              HttpServer& server, const Clock& clock,
                                              Metrics& metrics) {
  return std::make_unique<HttpIngestThread>(config, pipelines, server, clock, metrics);
}

}  // namespace tributary::collector
