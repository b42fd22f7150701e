#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/store.h"
#include "shared/event/codec.h"
#include "tests/contract/stream_verbs.h"

// What the tests of stores do again and again.
namespace tributary::collector::store_verbs {

using stream_verbs::TemporaryDirectory;

Schema built_in(std::string_view name);
// A schema `custom` with these properties (JSON), all required, whose time is `at`.
Schema custom_schema(std::string_view properties, std::string_view roles);

// The event that this JSON is; fails the test when it is none.
Event decode(const Schema& schema, std::string_view json);

// A telemetry event; `more` is JSON members that begin with a comma.
std::string reading_text(std::string_view sensor, std::string_view time,
                         std::string_view more = "");
Event reading(std::string_view sensor, std::string_view time, std::string_view more = "");
// One reading a second from 2026-01-21T10:00:00Z, with the members "n": 0, 1, …
std::vector<Event> readings(std::string_view sensor, std::size_t count);

Timestamp time_of(std::string_view text);

std::vector<Outcome::Verdict> verdicts(const std::vector<Outcome>& outcomes);
Outcome write_one(Store& store, const Event& event);
// All are stored now.
void store_all(Store& store, std::span<const Event> events);
void store_one(Store& store, const Event& event);

Page page_of(Store& store, const Query& query);
// The texts of all pages, each asked for with the cursor that the one before gave.
std::vector<std::string> all_pages(Store& store, Query query);
// The member `n` of each event.
std::vector<int> numbers(const std::vector<std::string>& events);
std::vector<int> numbers_where(Store& store, std::vector<Filter> filters);

// "2026-01-21T10:00:00Z 3 (2 40.5 20 20.5) (0)": its start, its events, and of each field the
// count and, unless it is 0, sum, least and greatest.
std::string text_of(const Bucket& bucket);
Buckets buckets_of(Store& store, const AggregateQuery& query);
// The buckets of all answers, each asked for behind the last bucket of the one before.
std::vector<Bucket> all_buckets(Store& store, AggregateQuery query);
std::vector<std::string> texts_of(const std::vector<Bucket>& buckets);

SeriesPage series_of(Store& store, const SeriesQuery& query);
// The series of all pages, each asked for behind the last one of the page before.
std::vector<Series> all_series(Store& store, SeriesQuery query);
std::vector<std::string> ids_of(const std::vector<Series>& series);

// Fails the test when it takes longer than a few seconds.
void wait_until(const std::function<bool()>& condition);

}  // namespace tributary::collector::store_verbs
