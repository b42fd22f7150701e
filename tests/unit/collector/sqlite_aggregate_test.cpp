// Aggregates of a SQLite store, from rollups and events, against a plain computation over the same
// events. TRIBUTARY_SEED=n repeats a run.

#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "collector/store/sqlite_connection.h"
#include "collector/store/sqlite_store.h"
#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using namespace std::chrono_literals;
using nlohmann::json;
using enum Outcome::Verdict;

std::uint32_t seed() {
  const auto* given = std::getenv("TRIBUTARY_SEED");
  const auto seed = given != nullptr ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10))
                                     : std::random_device{}();
  std::cout << "TRIBUTARY_SEED=" << seed << std::endl;
  return seed;
}

struct Fixture {
  TemporaryDirectory directory;
  Schema schema = built_in("telemetry");

  std::unique_ptr<Store> open(std::chrono::milliseconds query_time = 30s) {
    auto store = open_sqlite_store(
        {.file = directory.path() / "events.db", .query_time = query_time}, schema);
    if (!store) FAIL(store.error().message());
    return std::move(*store);
  }
};

Buckets buckets_of(Store& store, const AggregateQuery& query) {
  auto buckets = store.aggregate(query);
  if (!buckets) FAIL(buckets.error().message());
  return std::move(*buckets);
}

// All pages of the answer.
std::vector<Bucket> all_buckets(Store& store, AggregateQuery query) {
  std::vector<Bucket> all;
  for (;;) {
    auto page = buckets_of(store, query);
    REQUIRE(page.buckets.size() <= query.limit);
    std::ranges::move(page.buckets, std::back_inserter(all));
    if (!page.next) return all;
    REQUIRE(page.buckets.size() == query.limit);
    REQUIRE(*page.next == all.back().start);
    query.after = page.next;
  }
}

std::string text_of(std::span<const Bucket> buckets) {
  std::string text;
  for (const auto& bucket : buckets) {
    text += bucket.start.text() + " " + std::to_string(bucket.events);
    for (const auto& field : bucket.fields) text += " " + std::to_string(field.count);
    text += '\n';
  }
  return text;
}

// What was stored, and what it comes to.
class Truth {
 public:
  void add(const Event& event) { events_.push_back({event.time, *event.document}); }
  [[nodiscard]] bool empty() const { return events_.empty(); }
  [[nodiscard]] Timestamp time(std::size_t i) const { return events_[i % events_.size()].time; }

  [[nodiscard]] std::vector<Bucket> aggregate(const AggregateQuery& query) const {
    std::map<Timestamp, Bucket> buckets;
    for (const auto& [time, document] : events_) {
      if (query.start && time < *query.start) continue;
      if (query.end && !(time < *query.end)) continue;
      if (!matches(query.filters, time, document)) continue;
      const auto start = bucket_start(time, query.bucket);
      auto& bucket = buckets[start];
      bucket.start = start;
      bucket.fields.resize(query.fields.size());
      ++bucket.events;
      for (std::size_t i = 0; i < query.fields.size(); ++i) {
        if (const auto* value = member(document, query.fields[i]); value && value->is_number()) {
          bucket.fields[i].add(value->get<double>());
        }
      }
    }
    std::vector<Bucket> all;
    for (auto& [start, bucket] : buckets) all.push_back(std::move(bucket));
    if (query.descending) std::ranges::reverse(all);
    return all;
  }

 private:
  struct Stored {
    Timestamp time;
    json document;
  };

  static const json* member(const json& document, const FieldPath& path) {
    const auto* value = &document;
    for (const auto& name : path) {
      if (!value->is_object() || !value->contains(name)) return nullptr;
      value = &value->at(name);
    }
    return value;
  }
  static bool matches(const std::vector<Filter>& filters, Timestamp time, const json& document) {
    return std::ranges::all_of(filters, [&](const Filter& filter) {
      if (filter.field == "at") return time == time_of(filter.value);
      const auto* value = member(document, {filter.field});
      if (value == nullptr) return false;
      if (filter.field == "series" && value->is_string()) return *value == json(filter.value);
      return *value == json(filter.value) || value->dump() == filter.value;
    });
  }

  std::vector<Stored> events_;
};

void require_same(const std::vector<Bucket>& found, const std::vector<Bucket>& expected) {
  REQUIRE(text_of(found) == text_of(expected));
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (std::size_t field = 0; field < found[i].fields.size(); ++field) {
      const auto& one = found[i].fields[field];
      const auto& other = expected[i].fields[field];
      REQUIRE(one.min == other.min);
      REQUIRE(one.max == other.max);
      if (one.count == 0) continue;
      const auto size = std::max(std::abs(one.min), std::abs(one.max)) * double(one.count);
      REQUIRE(std::abs(one.sum - other.sum) <= size * 1e-12);
    }
  }
}

// Events and queries of all kinds, by chance.
class Chance {
 public:
  Chance(std::uint32_t seed, bool number_series) : random_(seed), numbers_(number_series) {}

  std::size_t below(std::size_t end) { return random_() % end; }
  bool once_in(std::size_t n) { return below(n) == 0; }

  // Many in a few hours, some anywhere.
  Timestamp time() {
    static const std::vector<std::string> kPlaces{"2026-01-21T10:00:00Z", "2026-01-21T10:20:00Z",
                                                  "2026-01-21T12:00:00Z", "1969-12-31T23:00:00Z",
                                                  "1960-02-29T00:00:00Z", "0001-01-01T00:00:00Z",
                                                  "9999-12-31T23:00:00Z", "2016-12-31T23:58:00Z"};
    auto time = time_of(kPlaces[once_in(2) ? below(2) : below(kPlaces.size())]);
    if (once_in(30))
      return {.seconds = time_of("2016-12-31T23:59:59Z").seconds,
              .nanoseconds = 1'000'000'000 + static_cast<int>(below(5)) * 1'000};
    time.seconds += static_cast<std::int64_t>(below(once_in(3) ? 3'600 : 300));
    if (once_in(3)) time.nanoseconds = static_cast<std::int32_t>(below(1'000'000'000));
    return time;
  }

  json value() {
    switch (below(8)) {
      case 0:
        return "12";
      case 1:
        return nullptr;
      case 2:
        return once_in(2);
      case 3:
        return json::array({1, json{{"a", 2}}});
      case 4:
        return json{{"a", 1.5}, {"b", "x\"\\,}"}, {"c", json{{"d", 5}}}};
      default:
        return number();
    }
  }
  json number() {
    switch (below(6)) {
      case 0:
        return -1e300 * static_cast<double>(below(3));
      case 1:
        return 9'007'199'254'740'993;
      case 2:
        return 1e-7;
      default:
        return once_in(2) ? json(static_cast<int>(below(40)) - 20)
                          : json(static_cast<double>(below(1'000)) / 7);
    }
  }
  json series() {
    static const std::vector<std::string> kTexts{"a", "b", "a b", "é\"\\", "12", ""};
    static const std::vector<json> kNumbers{1, -3, 2.5, 1e300, 0, 9'007'199'254'740'993};
    return numbers_ ? kNumbers[below(kNumbers.size())] : json(kTexts[below(kTexts.size())]);
  }
  json document(std::int64_t id) {
    json document{{"id", id}, {"series", series()}, {"at", time().text()}};
    if (!once_in(5)) document["x"] = value();
    if (!once_in(3)) document["values"] = {{"a", value()}, {"x", number()}};
    if (once_in(10)) document["values.a"] = number();
    if (once_in(10)) document["values"] = value();
    if (once_in(20)) document[std::string(70, 'l')] = number();
    if (once_in(40)) {
      for (int i = 0; i < 70; ++i) document["f" + std::to_string(below(120))] = number();
    }
    return document;
  }

  AggregateQuery query(const Truth& truth) {
    static const std::vector<FieldPath> kFields{
        {"x"},      {"values", "a"}, {"values", "x"}, {"values.a"},         {"values"},
        {"f7"},     {"f100"},        {"missing"},     {"values", "c", "d"}, {std::string(70, 'l')},
        {"x", "a"}, {"id"}};
    static const std::vector<std::chrono::milliseconds> kBuckets{
        1ms,  250ms, 1s, 7s,    59s, 60s, 61s,     90s,        5min,
        7min, 30min, 1h, 90min, 2h,  24h, 10'000h, 10'000'000h};
    AggregateQuery query{.bucket = kBuckets[below(kBuckets.size())],
                         .descending = once_in(2),
                         .limit = once_in(2) ? 1 + below(5) : 10'000};
    for (std::size_t i = below(5); i > 0; --i)
      query.fields.push_back(kFields[below(kFields.size())]);
    if (once_in(2)) query.start = bound(truth);
    if (once_in(2)) query.end = bound(truth);
    const auto as_text = [](const json& value) {
      return value.is_string() ? value.get<std::string>() : value.dump();
    };
    if (once_in(2)) query.filters.push_back({.field = "series", .value = as_text(series())});
    if (once_in(10)) query.filters.push_back({.field = "series", .value = as_text(series())});
    if (once_in(8)) query.filters.push_back({.field = "at", .value = bound(truth).text()});
    if (once_in(8)) query.filters.push_back({.field = "x", .value = "12"});
    return query;
  }

 private:
  // The time of an event, or near it, or the start of what it is in.
  Timestamp bound(const Truth& truth) {
    auto time = truth.time(below(1'000'000));
    switch (below(4)) {
      case 0:
        return time;
      case 1:
        return bucket_start(time, 1min);
      case 2:
        return bucket_start(time, 1h);
      default:
        time.nanoseconds = time.nanoseconds / 2 + 1;
        return time;
    }
  }

  std::mt19937 random_;
  bool numbers_;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "an aggregate is what its events come to, whatever they are") {
  const auto start = seed();
  for (std::uint32_t round = 0; round < 6; ++round) {
    const bool numbers = round % 2 == 1;
    Chance chance(start + round, numbers);
    schema = custom_schema(numbers ? R"({"id":{"type":"integer"},"series":{"type":"number"}})"
                                   : R"({"id":{"type":"integer"},"series":{"type":"string"}})",
                           R"({"key":["id"],"series":"series"})");
    const TemporaryDirectory place;
    auto open_here = [&] {
      return *open_sqlite_store({.file = place.path() / "events.db"}, schema);
    };
    auto store = open_here();
    Truth truth;
    std::vector<std::string> sent;
    for (int batch = 0; batch < 12; ++batch) {
      std::vector<Event> events;
      std::map<std::int64_t, bool> ids;
      for (std::size_t i = chance.once_in(2) ? chance.below(400) : chance.below(20); i > 0; --i) {
        auto document = chance.document(static_cast<std::int64_t>(sent.size()));
        if (!sent.empty() && chance.once_in(6)) {
          auto again = json::parse(sent[chance.below(sent.size())]);
          if (chance.once_in(2)) again["x"] = chance.value();  // a conflict, mostly
          document = std::move(again);
        }
        const auto id = document["id"].get<std::int64_t>();
        if (!ids.emplace(id, true).second) continue;
        events.push_back(decode(schema, document.dump()));
        if (id == static_cast<std::int64_t>(sent.size())) sent.push_back(document.dump());
      }
      const auto outcomes = store->write(events);
      for (std::size_t i = 0; i < events.size(); ++i) {
        REQUIRE(outcomes[i].verdict != retry);
        if (outcomes[i].verdict == stored) truth.add(events[i]);
      }
      if (chance.once_in(4)) {
        store.reset();
        store = open_here();
      }
      for (int i = 0; i < 20 && !truth.empty(); ++i) {
        const auto query = chance.query(truth);
        INFO("round " << round << ", batch " << batch << ", query " << i << ", bucket "
                      << query.bucket.count() << " ms");
        require_same(all_buckets(*store, query), truth.aggregate(query));
      }
    }
  }
}

TEST_CASE_METHOD(Fixture, "a late event is in the bucket of its time") {
  const auto store = open();
  store_all(*store, readings("a", 7'200));
  store_one(*store, reading("a", "2026-01-21T10:30:10.5Z"));
  const auto buckets = all_buckets(*store, {.bucket = 1h, .fields = {{"n"}}});
  REQUIRE(text_of(buckets) == "2026-01-21T10:00:00Z 3601 3600\n2026-01-21T11:00:00Z 3600 3600\n");
  REQUIRE(buckets[1].fields[0].min == 3'600);
  REQUIRE(buckets[1].fields[0].sum == (3'600.0 + 7'199) * 1'800);
}

TEST_CASE_METHOD(Fixture, "aggregates show whole batches while a writer writes") {
  constexpr std::size_t kBatches = 60;
  constexpr std::size_t kBatchSize = 300;
  const auto store = open();
  std::atomic<bool> done = false;
  std::atomic<int> answers = 0;
  std::atomic<bool> torn = false;
  std::vector<std::jthread> readers;
  for (const auto bucket : {1min, 60min}) {
    readers.emplace_back([&, bucket] {
      std::uint64_t before = 0;
      while (!done) {
        // Its edges are events, its middle is rollups.
        const auto answer = store->aggregate({.start = time_of("2026-01-21T09:59:30Z"),
                                              .end = time_of("2026-01-21T10:10:30Z"),
                                              .bucket = bucket});
        std::uint64_t events = 0;
        if (answer) {
          for (const auto& one : answer->buckets) events += one.events;
        }
        if (!answer || events % kBatchSize != 0 || events < before) torn = true;
        before = events;
        ++answers;
      }
    });
  }
  for (std::size_t batch = 0; batch < kBatches; ++batch) {
    store_all(*store, readings("sensor " + std::to_string(batch), kBatchSize));
  }
  while (answers < 4) std::this_thread::yield();
  done = true;
  readers.clear();
  REQUIRE_FALSE(torn);
}

TEST_CASE_METHOD(Fixture, "no snapshot stays open behind an aggregate") {
  const auto store = open();
  store_all(*store, readings("a", 300));
  REQUIRE(buckets_of(*store, {.bucket = 1s, .limit = 3}).next);
  REQUIRE_FALSE(store->aggregate({.filters = {{.field = "humidity", .value = "wet"}}}));
  store_all(*store, readings("b", 300));
  auto connection =
      SqliteConnection::open(directory.path() / "events.db", SqliteConnection::Mode::write, 1'000);
  REQUIRE(connection->integer("PRAGMA wal_checkpoint(TRUNCATE)") == 0);
}

TEST_CASE_METHOD(Fixture, "an aggregate of much goes on through several snapshots") {
  const auto store = open();
  for (int part = 0; part < 5; ++part) {
    store_all(*store, readings("sensor " + std::to_string(part), 4'500));
  }
  const bool descending = GENERATE(false, true);
  const auto buckets =
      all_buckets(*store, {.bucket = 50s, .fields = {{"n"}}, .descending = descending});
  REQUIRE(buckets.size() == 90);
  for (const auto& bucket : buckets) REQUIRE(bucket.fields[0].count == 250);
}

TEST_CASE_METHOD(Fixture, "an aggregate that takes too long says how to ask for less") {
  const auto store = open(0ms);
  for (int part = 0; part < 5; ++part) {
    store_all(*store, readings("sensor " + std::to_string(part), 5'000));
  }
  const auto answer = store->aggregate({.filters = {{.field = "x", .value = "rare"}}});
  REQUIRE_FALSE(answer);
  REQUIRE(answer.error() == errc::timed_out);
  REQUIRE_THAT(answer.error().message(), Catch::Contains("start and end"));
  REQUIRE(buckets_of(*store, {.bucket = 1h}).buckets.size() == 2);
}

TEST_CASE_METHOD(Fixture, "an aggregate by a value that can't be names the filter") {
  const auto answer = open()->aggregate({.filters = {{.field = "humidity", .value = "wet"}}});
  REQUIRE_FALSE(answer);
  REQUIRE(answer.error() == errc::invalid_argument);
  REQUIRE_THAT(answer.error().message(), Catch::Contains("humidity=wet: is not a number"));
}

}  // namespace tributary::collector
