#include "collector/persister.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "collector/stream/embedded_stream.h"
#include "tests/contract/stream_verbs.h"

using namespace tributary;
using namespace tributary::collector;
using namespace tributary::collector::stream_verbs;
using Verdict = Outcome::Verdict;

namespace {

// A store in memory whose every write the test may answer itself.
class ScriptedStore final : public Store {
 public:
  using Script = std::function<std::optional<Outcome>(const Event&)>;

  std::vector<Outcome> write(std::span<const Event> events) override {
    const std::lock_guard lock(mutex_);
    ++writes_;
    if (refused_ && std::ranges::any_of(events, refused_)) {
      return std::vector(
          events.size(),
          Outcome{.verdict = Verdict::retry, .detail = "one is bad", .unknown = true});
    }
    std::vector<Outcome> outcomes;
    for (const auto& event : events) outcomes.push_back(take(event));
    return outcomes;
  }
  Result<Page> query(const Query&) override { return Page{}; }
  Result<Buckets> aggregate(const AggregateQuery& /*query*/) override { return Buckets{}; }
  Result<SeriesPage> series(const SeriesQuery& /*query*/) override { return SeriesPage{}; }
  HealthCheck health() const override { return {}; }

  // Asked about each event; without an answer the store behaves well.
  void follow(Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }
  // Takes no batch that has such an event.
  void refuse_batch_with(std::function<bool(const Event&)> refused) {
    const std::lock_guard lock(mutex_);
    refused_ = std::move(refused);
  }
  [[nodiscard]] std::size_t stored() const {
    const std::lock_guard lock(mutex_);
    return hashes_.size();
  }
  [[nodiscard]] std::size_t writes() const {
    const std::lock_guard lock(mutex_);
    return writes_;
  }

 private:
  Outcome take(const Event& event) {
    if (script_) {
      if (auto scripted = script_(event)) return *std::move(scripted);
    }
    const auto [found, is_new] = hashes_.emplace(event.key, event.hash);
    if (is_new) return {.verdict = Verdict::stored, .detail = {}};
    if (found->second == event.hash) return {.verdict = Verdict::duplicate, .detail = {}};
    return {.verdict = Verdict::conflict, .detail = "other content"};
  }

  mutable std::mutex mutex_;
  Script script_;
  std::function<bool(const Event&)> refused_;
  std::map<std::string, ContentHash> hashes_;
  std::size_t writes_ = 0;
};

// A stream whose consumer has no topic at first, as one of Kafka's that is being made.
class LateStream final : public Stream {
 public:
  explicit LateStream(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}

  void be_there() { there_ = true; }

  std::unique_ptr<Producer> make_producer() override { return stream_->make_producer(); }
  std::unique_ptr<Producer> make_dead_letter_producer() override {
    return stream_->make_dead_letter_producer();
  }
  std::unique_ptr<Consumer> make_consumer() override {
    return std::make_unique<LateConsumer>(stream_->make_consumer(), there_);
  }
  [[nodiscard]] Result<Account> account() const override { return stream_->account(); }
  [[nodiscard]] Result<std::vector<DeadLetter>> dead_letters(std::uint64_t after,
                                                             std::size_t limit) const override {
    return stream_->dead_letters(after, limit);
  }
  [[nodiscard]] Result<std::uint64_t> last_dead_letter() const override {
    return stream_->last_dead_letter();
  }
  [[nodiscard]] HealthCheck health() const override { return stream_->health(); }

 private:
  class LateConsumer final : public Consumer {
   public:
    LateConsumer(std::unique_ptr<Consumer> consumer, const std::atomic<bool>& there)
        : consumer_(std::move(consumer)), there_(there) {}

    Result<Batch> receive(BatchLimit limit, std::chrono::milliseconds wait) override {
      if (!there_) return fail(errc::unavailable, "the topic isn't there yet");
      return consumer_->receive(limit, wait);
    }
    Result<void> settle(const Batch& batch, std::span<const Outcome> outcomes) override {
      return consumer_->settle(batch, outcomes);
    }
    void keep_alive() override { consumer_->keep_alive(); }

   private:
    std::unique_ptr<Consumer> consumer_;
    const std::atomic<bool>& there_;
  };

  std::unique_ptr<Stream> stream_;
  std::atomic<bool> there_ = false;
};

std::string reading(int second, double temperature = 20) {
  return R"({"sensor_id":"s","timestamp":"2026-01-21T10:00:)" + std::to_string(10 + second) +
         R"(Z","temperature":)" + std::to_string(temperature) +
         R"(,"humidity":50,"location":{"latitude":1,"longitude":2}})";
}

struct Fixture {
  TemporaryDirectory directory;
  SystemClock clock;
  Metrics metrics;
  ScriptedStore* store = nullptr;
  Pipeline pipeline{.config = {.name = "telemetry",
                               .schema = *Schema::built_in("telemetry"),
                               .topic = "sensor-events",
                               .group = {},
                               .table = {}},
                    .stream = nullptr,
                    .store = nullptr};
  std::unique_ptr<Persister> persister;

  Fixture() {
    pipeline.stream = *open_embedded_stream(
        posix_file_system(),
        {.directory = directory.path(), .topic = "sensor-events", .group = "persisters"});
    auto made = std::make_unique<ScriptedStore>();
    store = made.get();
    pipeline.store = std::move(made);
  }

  void deliver(const std::vector<std::string>& events) {
    stream_verbs::deliver(*pipeline.stream->make_producer(), events);
  }
  void start() { persister = Persister::start(pipeline, clock, metrics); }
  // Everything is settled.
  Account drained() {
    REQUIRE(eventually([&] { return pipeline.stream->account()->lag == 0; }));
    return balanced_account(*pipeline.stream);
  }
  [[nodiscard]] std::vector<DeadLetter> dead_letters() const {
    return *pipeline.stream->dead_letters(0, 100);
  }
};

}  // namespace

TEST_CASE("a key that comes again in one batch is stored once: the first wins") {
  Fixture fixture;
  fixture.deliver({reading(0), reading(0), reading(0, 21), reading(1)});
  fixture.start();
  const auto account = fixture.drained();
  REQUIRE(account.totals == Totals{.stored = 2, .duplicates = 1, .conflicts = 1, .rejected = 0});
  REQUIRE(fixture.store->stored() == 2);
  const auto letters = fixture.dead_letters();
  REQUIRE(letters.size() == 1);
  REQUIRE(letters[0].reason == "conflict");
  REQUIRE(letters[0].event == reading(0, 21));
  REQUIRE(letters[0].offset == 3);
}

TEST_CASE("what is no event of the pipeline is dead-lettered with its bytes and the rest goes on") {
  Fixture fixture;
  fixture.deliver({"not JSON", reading(0), R"({"sensor_id":"s"})", reading(1)});
  fixture.start();
  REQUIRE(fixture.drained().totals ==
          Totals{.stored = 2, .duplicates = 0, .conflicts = 0, .rejected = 2});
  const auto letters = fixture.dead_letters();
  REQUIRE(letters.size() == 2);
  REQUIRE(letters[0].event == "not JSON");
  REQUIRE(letters[0].reason == "rejected");
  REQUIRE(letters[1].topic == "sensor-events");
}

TEST_CASE("while the store is down nothing is settled or given up, and it shows") {
  Fixture fixture;
  fixture.store->follow([](const Event&) -> std::optional<Outcome> {
    return Outcome{.verdict = Verdict::retry, .detail = "no connection"};
  });
  fixture.deliver({reading(0), reading(1)});
  fixture.start();
  REQUIRE(eventually([&] { return fixture.store->writes() >= 7; }));
  REQUIRE_FALSE(fixture.persister->health().up);
  REQUIRE(fixture.persister->health().detail.find("no connection") != std::string::npos);
  REQUIRE(fixture.pipeline.stream->account()->lag == 2);
  REQUIRE(fixture.dead_letters().empty());

  fixture.store->follow({});
  REQUIRE(fixture.drained().totals.stored == 2);
  REQUIRE(eventually([&] { return fixture.persister->health().up; }));
}

TEST_CASE("a stream that can be read again shows so before any record comes") {
  Fixture fixture;
  auto late = std::make_unique<LateStream>(std::move(fixture.pipeline.stream));
  auto& stream = *late;
  fixture.pipeline.stream = std::move(late);
  fixture.start();
  REQUIRE(eventually([&] { return !fixture.persister->health().up; }));
  stream.be_there();
  REQUIRE(eventually([&] { return fixture.persister->health().up; }));
}

TEST_CASE("a record that fails alone, again and again, is rejected, and the others are stored") {
  Fixture fixture;
  fixture.store->follow([](const Event& event) -> std::optional<Outcome> {
    if (event.json.find("10:00:11") == std::string::npos) return std::nullopt;
    return Outcome{.verdict = Verdict::retry, .detail = "strange error", .unknown = true};
  });
  fixture.deliver({reading(0), reading(1), reading(2)});
  fixture.start();
  REQUIRE(fixture.drained().totals ==
          Totals{.stored = 2, .duplicates = 0, .conflicts = 0, .rejected = 1});
  const auto letters = fixture.dead_letters();
  REQUIRE(letters.size() == 1);
  REQUIRE(letters[0].detail.find("strange error") != std::string::npos);
}

TEST_CASE("a record that fails in a batch of its own is rejected once the store takes others") {
  Fixture fixture;
  fixture.start();
  fixture.deliver({reading(0)});
  fixture.drained();
  fixture.store->follow([](const Event& event) -> std::optional<Outcome> {
    if (event.json.find("10:00:11") == std::string::npos) return std::nullopt;
    return Outcome{.verdict = Verdict::retry, .detail = "strange error", .unknown = true};
  });
  fixture.deliver({reading(1)});
  REQUIRE(fixture.drained().totals ==
          Totals{.stored = 1, .duplicates = 0, .conflicts = 0, .rejected = 1});
}

TEST_CASE("in a store that takes a batch as a whole only the bad record costs itself alone") {
  const bool stored_before = GENERATE(true, false);
  Fixture fixture;
  fixture.start();
  if (stored_before) {
    fixture.deliver({reading(0)});
    fixture.drained();
  }
  fixture.store->refuse_batch_with([](const Event& event) {
    return event.json.find("10:00:11") != std::string::npos ||
           event.json.find("10:00:24") != std::string::npos;
  });
  std::vector<std::string> readings;
  for (int second = 1; second < 20; ++second) readings.push_back(reading(second));
  fixture.deliver(readings);
  const std::uint64_t good = stored_before ? 18 : 17;
  REQUIRE(fixture.drained().totals ==
          Totals{.stored = good, .duplicates = 0, .conflicts = 0, .rejected = 2});
}

TEST_CASE("what is known to be the store's own failure costs no record, however long it takes") {
  Fixture fixture;
  fixture.start();
  fixture.deliver({reading(0)});
  fixture.drained();
  // Full: what it has already it takes all the same.
  std::atomic<int> failures = 0;
  fixture.store->follow([&](const Event& event) -> std::optional<Outcome> {
    if (event.json.find("10:00:10") != std::string::npos || failures > 12) return std::nullopt;
    ++failures;
    return Outcome{.verdict = Verdict::retry, .detail = "no space left"};
  });
  fixture.deliver({reading(1), reading(2)});
  REQUIRE(fixture.drained().totals ==
          Totals{.stored = 3, .duplicates = 0, .conflicts = 0, .rejected = 0});
  REQUIRE(failures > 12);
}

TEST_CASE("a stop while the store is down leaves the batch to the next start") {
  Fixture fixture;
  fixture.store->follow([](const Event&) -> std::optional<Outcome> {
    return Outcome{.verdict = Verdict::retry, .detail = "down"};
  });
  fixture.deliver({reading(0)});
  fixture.start();
  REQUIRE(eventually([&] { return fixture.store->writes() >= 1; }));
  fixture.persister.reset();
  REQUIRE(fixture.pipeline.stream->account()->lag == 1);

  fixture.store->follow({});
  fixture.start();
  REQUIRE(fixture.drained().totals.stored == 1);
}

TEST_CASE("a batch that is being written when a stop is asked for is settled") {
  Fixture fixture;
  std::promise<void> writing;
  std::promise<void> go_on;
  fixture.store->follow([&](const Event&) -> std::optional<Outcome> {
    writing.set_value();
    go_on.get_future().wait();
    return Outcome{.verdict = Verdict::stored, .detail = {}};
  });
  fixture.deliver({reading(0)});
  fixture.start();
  writing.get_future().wait();
  {
    const std::jthread stopping([&] { fixture.persister->stop(); });
    go_on.set_value();
  }
  REQUIRE(balanced_account(*fixture.pipeline.stream).totals.stored == 1);
}

TEST_CASE("only records that ingest took in under this schema are taken as valid") {
  Fixture fixture;
  const std::string invalid =
      R"({"sensor_id":"s","timestamp":"2026-01-21T10:00:00Z","temperature":1,"humidity":130})";
  const auto producer = fixture.pipeline.stream->make_producer();
  auto validated = record(invalid);
  const auto schema = fixture.pipeline.config.schema.id();
  validated.envelope.schema = schema;
  REQUIRE(producer->append(validated).has_value());
  auto of_another = record(invalid);
  of_another.envelope.schema = "telemetry@0123456789abcdef";
  REQUIRE(producer->append(of_another).has_value());
  REQUIRE(producer->append(record(invalid)).has_value());
  wait_until_durable(*producer, 3);
  fixture.start();
  REQUIRE(fixture.drained().totals ==
          Totals{.stored = 1, .duplicates = 0, .conflicts = 0, .rejected = 2});
  REQUIRE(fixture.dead_letters().front().detail.find("/humidity") != std::string::npos);
}

TEST_CASE("a key that comes again in one batch has its chance when the first one was rejected") {
  Fixture fixture;
  fixture.store->follow([](const Event& event) -> std::optional<Outcome> {
    if (event.json.find("\"temperature\":20") == std::string::npos) return std::nullopt;
    return Outcome{.verdict = Verdict::rejected, .detail = "not this one"};
  });
  fixture.deliver({reading(0), reading(0, 21), reading(0, 21)});
  fixture.start();
  REQUIRE(fixture.drained().totals ==
          Totals{.stored = 1, .duplicates = 1, .conflicts = 0, .rejected = 1});
}
