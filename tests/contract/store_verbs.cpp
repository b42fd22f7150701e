#include "tests/contract/store_verbs.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

namespace tributary::collector::store_verbs {

using nlohmann::json;

Schema built_in(std::string_view name) {
  auto schema = Schema::built_in(name);
  if (!schema) FAIL(schema.error().message());
  return std::move(*schema);
}

Schema custom_schema(std::string_view properties, std::string_view roles) {
  json schema{{"type", "object"},
              {"properties", json::parse(properties)},
              {"x-tributary", json::parse(roles)}};
  schema["properties"]["at"] = {{"type", "string"}, {"format", "date-time"}};
  schema["x-tributary"]["time"] = "at";
  for (const auto& [name, property] : schema["properties"].items()) {
    schema["required"].push_back(name);
  }
  auto parsed = Schema::parse("custom", schema.dump());
  if (!parsed) FAIL(parsed.error().message());
  return std::move(*parsed);
}

Event decode(const Schema& schema, std::string_view text) {
  auto event = Codec(schema).decode(text);
  if (!event) FAIL(event.error().pointer + " " + event.error().detail);
  return std::move(*event);
}

std::string reading_text(std::string_view sensor, std::string_view time, std::string_view more) {
  std::string text = R"({"humidity":40.5,"location":{"latitude":1,"longitude":2},"sensor_id":)";
  text.append(json(sensor).dump()).append(R"(,"temperature":20,"timestamp":")").append(time);
  return text.append("\"").append(more).append("}");
}

Event reading(std::string_view sensor, std::string_view time, std::string_view more) {
  static Codec codec(built_in("telemetry"));
  auto event = codec.decode(reading_text(sensor, time, more));
  if (!event) FAIL(event.error().pointer + " " + event.error().detail);
  return std::move(*event);
}

std::vector<Event> readings(std::string_view sensor, std::size_t count) {
  auto time = time_of("2026-01-21T10:00:00Z");
  std::vector<Event> events;
  for (std::size_t n = 0; n < count; ++n, ++time.seconds) {
    events.push_back(reading(sensor, time.text(), ",\"n\":" + std::to_string(n)));
  }
  return events;
}

Timestamp time_of(std::string_view text) {
  const auto time = Timestamp::parse(text);
  if (!time) FAIL(text << ": " << time.error());
  return *time;
}

std::vector<Outcome::Verdict> verdicts(const std::vector<Outcome>& outcomes) {
  std::vector<Outcome::Verdict> verdicts;
  for (const auto& outcome : outcomes) verdicts.push_back(outcome.verdict);
  return verdicts;
}

Outcome write_one(Store& store, const Event& event) {
  auto outcomes = store.write({&event, 1});
  REQUIRE(outcomes.size() == 1);
  return std::move(outcomes.front());
}

void store_all(Store& store, std::span<const Event> events) {
  const auto outcomes = store.write(events);
  REQUIRE(outcomes.size() == events.size());
  for (const auto& outcome : outcomes) {
    if (outcome.verdict != Outcome::Verdict::stored) FAIL("not stored: " << outcome.detail);
  }
}

void store_one(Store& store, const Event& event) { store_all(store, {&event, 1}); }

Page page_of(Store& store, const Query& query) {
  auto page = store.query(query);
  if (!page) FAIL(page.error().message());
  return std::move(*page);
}

std::vector<std::string> all_pages(Store& store, Query query) {
  std::vector<std::string> events;
  for (;;) {
    const auto page = page_of(store, query);
    REQUIRE(page.events.size() <= query.limit);
    events.insert(events.end(), page.events.begin(), page.events.end());
    if (!page.next) return events;
    query.after = Keyset::parse(page.next->text());
    REQUIRE(query.after == page.next);
  }
}

std::vector<int> numbers(const std::vector<std::string>& events) {
  std::vector<int> numbers;
  for (const auto& event : events) numbers.push_back(json::parse(event).at("n").get<int>());
  return numbers;
}

std::vector<int> numbers_where(Store& store, std::vector<Filter> filters) {
  return numbers(page_of(store, {.filters = std::move(filters)}).events);
}

std::string text_of(const Bucket& bucket) {
  std::ostringstream text;
  text.precision(std::numeric_limits<double>::max_digits10);
  text << bucket.start.text() << ' ' << bucket.events;
  for (const auto& field : bucket.fields) {
    text << " (" << field.count;
    if (field.count > 0) text << ' ' << field.sum << ' ' << field.min << ' ' << field.max;
    text << ')';
  }
  return text.str();
}

Buckets buckets_of(Store& store, const AggregateQuery& query) {
  auto buckets = store.aggregate(query);
  if (!buckets) FAIL(buckets.error().message());
  return std::move(*buckets);
}

std::vector<Bucket> all_buckets(Store& store, AggregateQuery query) {
  std::vector<Bucket> all;
  for (;;) {
    const auto [buckets, next] = buckets_of(store, query);
    REQUIRE(buckets.size() <= query.limit);
    all.insert(all.end(), buckets.begin(), buckets.end());
    if (!next) return all;
    REQUIRE_FALSE(buckets.empty());
    REQUIRE(*next == buckets.back().start);
    query.after = next;
  }
}

std::vector<std::string> texts_of(const std::vector<Bucket>& buckets) {
  std::vector<std::string> texts;
  for (const auto& bucket : buckets) texts.push_back(text_of(bucket));
  return texts;
}

SeriesPage series_of(Store& store, const SeriesQuery& query) {
  auto page = store.series(query);
  if (!page) FAIL(page.error().message());
  return std::move(*page);
}

std::vector<Series> all_series(Store& store, SeriesQuery query) {
  std::vector<Series> all;
  for (;;) {
    const auto page = series_of(store, query);
    REQUIRE(page.series.size() <= query.limit);
    all.insert(all.end(), page.series.begin(), page.series.end());
    if (!page.more) return all;
    REQUIRE_FALSE(page.series.empty());
    query.after = page.series.back().id;
  }
}

std::vector<std::string> ids_of(const std::vector<Series>& series) {
  std::vector<std::string> ids;
  for (const auto& one : series) ids.push_back(one.id);
  return ids;
}

void wait_until(const std::function<bool()>& condition) {
  using namespace std::chrono_literals;
  const auto deadline = std::chrono::steady_clock::now() + 15s;
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace tributary::collector::store_verbs
