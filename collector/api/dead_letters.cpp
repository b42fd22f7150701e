#include "collector/api/dead_letters.h"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "collector/api/find_pipeline.h"
#include "collector/api/replay_body.h"
#include "collector/ingest/replay.h"
#include "shared/base/hexadecimal.h"
#include "shared/base/mutex.h"
#include "shared/base/thread.h"
#include "shared/base/utf8.h"
#include "shared/http/problem.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAtOnce = 256;
constexpr std::size_t kLookedAtMax = 10'000;      // by one answer, whatever their reasons
constexpr std::size_t kAnswerSizeMax = 8U << 20;  // and what is at once
constexpr auto kSignOfLife = 1s;
constexpr std::size_t kAnswerWaitingMax = 1U << 20;

using Json = nlohmann::ordered_json;

bool names_unrouted(const HttpRequest& request) {
  const auto named = request.captured.find("pipeline");
  return named != request.captured.end() && named->second == kUnroutedTopic;
}

HttpResponse list(const HttpRequest& request, const Stream& stream) {
  const auto wanted = read_list_request(request);
  if (!wanted) return problem(400, wanted.error());
  const auto is_wanted = [&reasons = wanted->reasons](const DeadLetter& letter) {
    return reasons.empty() || std::ranges::find(reasons, letter.reason) != reasons.end();
  };

  std::string body = R"({"data":[)";
  auto cursor = wanted->after;
  auto left = wanted->limit;
  std::size_t looked_at = 0;
  bool more = true;
  while (more && left > 0 && body.size() < kAnswerSizeMax && looked_at < kLookedAtMax) {
    const auto letters = stream.dead_letters(cursor, std::min<std::uint64_t>(left, kAtOnce));
    if (!letters) return unavailable(letters.error().message(), 5s);
    for (const auto& letter : *letters) {
      cursor = letter.sequence;
      if (!is_wanted(letter)) continue;
      if (body.back() != '[') body += ',';
      body += dead_letter_json(letter);
      --left;
    }
    looked_at += letters->size();
    more = !letters->empty();
  }
  body +=
      R"(],"next":)" + (more ? "\"" + std::to_string(cursor) + "\"" : std::string("null")) + "}";
  return {
      .status = 200, .content_type = "application/json", .body = std::move(body), .headers = {}};
}

// The answer to a replay. As long as it runs there is an empty line now and then, from the first
// second on.
class Answer {
 public:
  Answer(HttpResponder responder, const Clock& clock)
      : responder_(std::move(responder)), clock_(clock), told_at_(clock.monotonic()) {}

  // False when the client has gone.
  bool go_on() {
    const auto now = clock_.monotonic();
    if (now - told_at_ < kSignOfLife) return !gone_;
    told_at_ = now;
    if (!feed_) feed_.emplace(responder_.feed(HttpResponse{}, kAnswerWaitingMax));
    gone_ = !feed_->send("\n");
    return !gone_;
  }

  void end(const Result<ReplayReport>& report) {
    HttpResponse response;
    if (report) {
      response.body = report->json();
    } else {
      response = unavailable(report.error().message(), 5s);
    }
    if (!feed_) return responder_.respond(std::move(response));
    feed_->send(std::move(response.body));
    feed_.reset();
  }

 private:
  HttpResponder responder_;
  const Clock& clock_;
  std::chrono::nanoseconds told_at_;
  std::optional<HttpFeed> feed_;
  bool gone_ = false;
};

}  // namespace

class DeadLetterApi::Impl {
 public:
  Impl(std::span<Pipeline* const> pipelines, Stream& unrouted, const TopicMap& topics,
       const Clock& clock)
      : pipelines_(pipelines.begin(), pipelines.end()),
        unrouted_(unrouted),
        topics_(topics),
        clock_(clock) {}

  HttpResponse list_letters(const HttpRequest& request) const {
    if (names_unrouted(request)) return list(request, unrouted_);
    const auto pipeline = find_pipeline(request, pipelines_);
    if (!pipeline) return pipeline.error();
    return list(request, *(*pipeline)->stream);
  }

  void begin_replay(const HttpRequest& request, HttpResponder responder) {
    Pipeline* pipeline = nullptr;
    if (!names_unrouted(request)) {
      const auto found = find_pipeline(request, pipelines_);
      if (!found) return responder.respond(found.error());
      pipeline = *found;
    }
    auto wanted = read_replay_request(request);
    if (!wanted) return responder.respond(problem(400, wanted.error()));
    const MutexLock lock(mutex_);
    if (stopped_) return responder.respond(unavailable("this collector is about to end", 10s));
    if (busy_) {
      return responder.respond(problem(409, "another replay is under way: wait for its end"));
    }
    busy_ = true;
    thread_ = Thread("replay", [this, pipeline, wanted = *std::move(wanted),
                                answer = Answer(std::move(responder), clock_)](
                                   const std::stop_token& stop) mutable {
      const auto report = replay(pipeline, wanted, answer, stop);
      busy_ = false;  // whoever has the answer may begin another one
      answer.end(report);
    });
  }

  void stop() {
    Thread thread;
    {
      const MutexLock lock(mutex_);
      stopped_ = true;
      thread = std::move(thread_);
    }
  }

 private:
  Result<ReplayReport> replay(Pipeline* pipeline, const ReplayRequest& wanted, Answer& answer,
                              const std::stop_token& stop) {
    const ReplayRoute route = [this](const std::string& name) -> Result<Pipeline*> {
      const auto found =
          std::ranges::find(pipelines_, name, [](const auto* known) { return known->config.name; });
      return found == pipelines_.end() ? nullptr : *found;
    };
    auto replay = pipeline != nullptr ? Replay(*pipeline, topics_, clock_)
                                      : Replay(unrouted_, route, topics_, clock_);
    const auto report =
        replay.run(wanted, [&] { return answer.go_on() && !stop.stop_requested(); });
    if (report) tell(pipeline, *report);
    return report;
  }

  static void tell(const Pipeline* pipeline, const ReplayReport& report) {
    const auto total = report.total();
    log_info("dead_letters", report.dry_run ? "looked what a replay would do" : "replayed",
             {{"pipeline", pipeline != nullptr ? pipeline->config.name : kUnroutedTopic},
              {"replayed", total.replayed},
              {"skipped", total.skipped},
              {"invalid", total.invalid},
              {"truncated", total.truncated},
              {"broken_off", report.broken_off}});
  }

  const std::vector<Pipeline*> pipelines_;
  Stream& unrouted_;
  const TopicMap& topics_;
  const Clock& clock_;
  Mutex mutex_;
  bool stopped_ TRIBUTARY_GUARDED_BY(mutex_) = false;
  std::atomic<bool> busy_ = false;
  Thread thread_
      TRIBUTARY_GUARDED_BY(mutex_);  // of the replay that is under way, or of the last one
};

namespace {

std::string reasons_schema() {
  return R"({"type":"array","items":{"type":"string","enum":)" + Json(kDeadLetterReasons).dump() +
         "}}";
}

HttpOperation list_operation() {
  const std::string text = R"({"type":"string"})";
  const std::string number = R"({"type":"integer","minimum":0})";
  return {
      .id = "getDeadLetters",
      .summary = "Records that could not be stored, with the reason",
      .description = "The dead letters of `{pipeline}`, oldest first.",
      .parameters = {{.name = "reason", .description = "Only these.", .schema = reasons_schema()},
                     {.name = "limit",
                      .description = "At most so many.",
                      .schema = R"({"type":"integer","minimum":1,"maximum":)" +
                                std::to_string(ListRequest::kMost) + R"(,"default":)" +
                                std::to_string(ListRequest{}.limit) + "}"},
                     {.name = "cursor",
                      .description = "Goes on where an answer ended: its `next`."}},
      .answers = {
          {.status = 200,
           .description = "A page of them.",
           .content = {{.schema = object_schema({{"data", R"({"type":"array","items":)" +
                                                              object_schema({{"sequence", number},
                                                                             {"offset", number},
                                                                             {"place", text},
                                                                             {"reason", text},
                                                                             {"detail", text},
                                                                             {"received_at", text},
                                                                             {"pipeline", text},
                                                                             {"source", text}}) +
                                                              "}"},
                                                 {"next", R"({"type":["string","null"]})"}})}}}}};
}

HttpOperation replay_operation() {
  const std::string count = R"({"type":"integer","minimum":0})";
  const std::string flag = R"({"type":"boolean","default":false})";
  return {
      .id = "postReplay",
      .summary = "Sends dead letters through the pipeline again",
      .description =
          "Those of `{pipeline}` that are valid by now go into the stream again, and are "
          "marked. A long replay begins its answer with empty lines, and with 200: should it fail "
          "then, "
          "a problem stands behind them.",
      .parameters = {{.name = "reason",
                      .description = "Only these; without it all but conflict.",
                      .schema = reasons_schema()},
                     {.name = "offset",
                      .description = "Only these.",
                      .schema = R"({"type":"array","items":)" + count + "}"},
                     {.name = "dry_run",
                      .description = "Only says what it would do.",
                      .schema = flag}},
      .body = {{.schema = R"({"type":"object","properties":{"reason":{"anyOf":[)" +
                          reasons_schema() + R"(,{"type":"string","enum":)" +
                          Json(kDeadLetterReasons).dump() +
                          R"(}]},"offsets":{"type":"array","minItems":1,"items":)" + count +
                          R"(},"dry_run":)" + flag + R"(},"additionalProperties":false})"}},
      .body_required = false,
      .answers = {{.status = 200,
                   .description = "What became of them.",
                   .content = {{.schema = object_schema({{"replayed", count},
                                                         {"skipped", count},
                                                         {"invalid", count},
                                                         {"truncated", count},
                                                         {"dry_run", R"({"type":"boolean"})"}})}}},
                  {.status = 409,
                   .description = "Another replay is under way.",
                   .content = {problem_content()}}}};
}

}  // namespace

DeadLetterApi::DeadLetterApi(HttpServer& server, std::span<Pipeline* const> pipelines,
                             Stream& unrouted, const TopicMap& topics, const Clock& clock)
    : impl_(std::make_shared<Impl>(pipelines, unrouted, topics, clock)) {
  for (const std::string suffix : {"", "/{pipeline}"}) {
    server.route(
        {.method = "GET",
         .pattern = "/dead-letters" + suffix,
         .runs = HttpRoute::Runs::on_worker,
         .scope = "admin",
         .operation = list_operation()},
        [impl = impl_](const HttpRequest& request) { return impl->list_letters(request); });
  }
  server.route({.method = "POST",
                .pattern = "/dead-letters/{pipeline}/replay",
                .scope = "admin",
                .operation = replay_operation()},
               [impl = impl_](const HttpRequest& request, HttpResponder responder) {
                 impl->begin_replay(request, std::move(responder));
               });
}

DeadLetterApi::~DeadLetterApi() { stop(); }

void DeadLetterApi::stop() { impl_->stop(); }

std::string dead_letter_json(const DeadLetter& letter) {
  Json json{{"sequence", letter.sequence}, {"offset", letter.dead_offset},
            {"place", letter.place},       {"reason", letter.reason},
            {"detail", letter.detail},     {"received_at", letter.received_at.text()},
            {"pipeline", letter.pipeline}, {"source", letter.source},
            {"edge", letter.edge},         {"topic", letter.topic}};
  if (letter.offset) {
    json["origin"] = letter.topic + "/" + std::to_string(letter.partition) + "/" +
                     std::to_string(*letter.offset);
  }
  if (letter.log != Id{}) {
    json["log"] = letter.log.text();
    json["log_sequence"] = letter.sender_sequence.value;
  }
  if (!letter.replay_of.empty()) json["replay_of"] = letter.replay_of;
  json["replayed_at"] = letter.replayed_at ? Json(letter.replayed_at->text()) : Json(nullptr);
  if (letter.cut) json["truncated"] = true;
  if (is_utf8(letter.event)) {
    json["event"] = letter.event;
  } else {
    json["event_hex"] = hexadecimal(letter.event);  // so that no byte is lost
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tributary::collector
