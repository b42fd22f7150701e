#include "tests/fuzz/pipelines.h"

#include <array>
#include <cstdlib>
#include <utility>

#include "collector/store/sqlite_store.h"
#include "collector/stream/embedded_stream.h"
#include "shared/base/check.h"
#include "shared/event/codec.h"

namespace tributary::fuzz {
namespace {

using namespace collector;

constexpr std::uint64_t kStreamSize = 8U << 20;

struct Kind {
  const char* schema;
  std::array<const char*, 3> events;
};

constexpr std::array kKinds{
    Kind{
        .schema = "telemetry",
        .events =
            {R"({"sensor_id":"a","timestamp":"2026-01-01T00:00:00Z","temperature":20.5,"humidity":40,"location":{"latitude":1,"longitude":2}})",
             R"({"sensor_id":"a","timestamp":"2026-01-01T00:00:00.000000001Z","temperature":-1e3,"humidity":0,"location":{"latitude":-90,"longitude":180},"note":"x"})",
             R"({"sensor_id":"b","timestamp":"2026-01-02T00:00:00Z","temperature":0,"humidity":100,"location":{"latitude":0,"longitude":0}})"}},
    Kind{
        .schema = "clickstream",
        .events =
            {R"({"event_id":"0f8fad5b-d9cb-469f-a165-708677289501","user_id":1,"event_type":"click","page":"/","event_time":"2026-01-01T00:00:00Z"})",
             R"({"event_id":"0f8fad5b-d9cb-469f-a165-708677289502","user_id":2,"event_type":"view","page":"/a","event_time":"2026-01-01T00:00:01Z"})",
             R"({"event_id":"0f8fad5b-d9cb-469f-a165-708677289503","user_id":-1,"event_type":"","page":"é","event_time":"2026-01-01T00:00:02Z"})"}},
    Kind{
        .schema = "measurement",
        .events =
            {R"({"sensor_id":"a","timestamp":"2026-01-01T00:00:00Z","values":{"cpu":0.5},"tags":{"os":"linux"}})",
             R"({"sensor_id":"a","timestamp":"2026-01-01T00:00:01Z","values":{"rss":1e6},"tags":{}})",
             R"({"sensor_id":"é","timestamp":"2026-01-01T00:00:02Z","values":{"":1},"tags":{"":""}})"}},
};

std::filesystem::path make_directory() {
  auto name = (std::filesystem::temp_directory_path() / "tributary-fuzz-XXXXXX").string();
  CHECK(mkdtemp(name.data()) != nullptr);
  return name;
}

std::vector<Event> events_of(const Kind& kind, const Schema& schema) {
  std::vector<Event> events;
  for (const auto* const json : kind.events) {
    auto event = Codec(schema).decode(json);
    CHECK(event);
    events.push_back(*std::move(event));
  }
  return events;
}

}  // namespace

Pipelines::Pipelines(Stores stores) : directory_(make_directory()) {
  for (const auto& kind : kKinds) {
    const auto schema = Schema::built_in(kind.schema);
    CHECK(schema);
    auto& pipeline = *pipelines_.emplace_back(
        std::make_unique<Pipeline>(Pipeline{.config = {.name = kind.schema,
                                                       .schema = *schema,
                                                       .topic = kind.schema,
                                                       .group = "persisters",
                                                       .table = "events"},
                                            .stream = open_stream(kind.schema),
                                            .store = nullptr}));
    all_.push_back(&pipeline);
    if (stores == Stores::none) continue;
    open_store(pipeline);
    for (const auto& outcome : pipeline.store->write(events_of(kind, *schema))) {
      CHECK(outcome.verdict == Outcome::Verdict::stored);
    }
  }
  unrouted_ = open_stream(kUnroutedTopic);
}

Pipelines::~Pipelines() {
  all_.clear();
  pipelines_.clear();
  std::filesystem::remove_all(directory_);
}

std::unique_ptr<Stream> Pipelines::open_stream(const std::string& topic) {
  auto stream = open_embedded_stream(files_, {.directory = "/streams",
                                              .topic = topic,
                                              .group = "persisters",
                                              .size_max = kStreamSize,
                                              .dead_letters_size_max = kStreamSize});
  CHECK(stream);
  return std::move(*stream);
}

void Pipelines::open_store(Pipeline& pipeline) {
  auto store = open_sqlite_store({.file = directory_ / (pipeline.config.name + ".db")},
                                 pipeline.config.schema);
  CHECK(store);
  pipeline.store = std::move(*store);
}

Pipelines::Count Pipelines::count() const {
  Count count;
  const auto add = [&](const Stream& stream) {
    const auto account = stream.account();
    CHECK(account && account->records == account->totals.rejected + account->lag);
    count.records += account->records;
    count.rejected += account->totals.rejected;
  };
  for (const auto* pipeline : all_) add(*pipeline->stream);
  add(*unrouted_);
  return count;
}

}  // namespace tributary::fuzz
