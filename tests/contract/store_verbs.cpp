#include "tests/contract/store_verbs.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

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

}  // namespace tributary::collector::store_verbs
