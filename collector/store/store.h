#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/outcome.h"
#include "shared/base/result.h"
#include "shared/base/timestamp.h"
#include "shared/event/event.h"
#include "shared/event/schema.h"
#include "shared/observe/health.h"

namespace tributary::collector {

// A place in the order of every query: by time, then by the key's bytes (Event::key). It names the
// last event that was given out, so that what is inserted meanwhile moves nothing.
struct Keyset {
  Timestamp time;
  std::string key;

  auto operator<=>(const Keyset&) const = default;
  // URL-safe text for the parameter `cursor`; opaque to clients. FORMAT: see keyset.cpp. It can be
  // parsed again for the same `question` only.
  [[nodiscard]] std::string text(std::string_view question = {}) const;
  static std::optional<Keyset> parse(std::string_view text, std::string_view question = {});
};

// One page holds at most so many events, whatever its limit says, and no more events once it has so
// many bytes (but always one): a query takes constant memory.
inline constexpr std::size_t kPageEventsMax = 10'000;
inline constexpr std::size_t kPageBytesMax = 4U << 20;

// One field must have one value. `value` is as it stands in a URL: the store compares it as the
// field's declared type (a time as an instant, a UUID in any case, a number by value); a field to
// which the schema gives no single scalar type matches as a string, or as a number, true or false
// when the text is one.
struct Filter {
  std::string field;  // a top-level member's name
  std::string value;
};

// The braces let a caller name some members only, without a warning.
struct Query {
  std::vector<Filter> filters{};     // all must hold
  std::optional<Timestamp> start{};  // start ≤ time
  std::optional<Timestamp> end{};    // time < end
  bool descending = false;
  std::size_t limit = 100;        // from 1
  std::optional<Keyset> after{};  // go on behind it, in the direction of the query
  bool meta = false;              // with the member `_tributary`
};

struct Page {
  std::vector<std::string> events;  // JSON objects, in order
  std::optional<Keyset> next;       // there are more behind it
};

// A member of an event, by the names on the way to it: {"location", "latitude"}.
using FieldPath = std::vector<std::string>;

// "location.latitude"; nothing when a name is empty.
std::optional<FieldPath> parse_field_path(std::string_view text);

// The numbers of one field in one bucket. What is no number counts as missing.
struct FieldSummary {
  std::uint64_t count = 0;
  double sum = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();

  void add(double value);
  void add(const FieldSummary& other);
};

struct AggregateQuery {
  std::vector<Filter> filters{};     // all must hold
  std::optional<Timestamp> start{};  // start ≤ time
  std::optional<Timestamp> end{};    // time < end
  // Buckets begin at whole multiples of it since 1970-01-01T00:00:00Z, before that too.
  std::chrono::milliseconds bucket{60'000};  // from 1
  std::vector<FieldPath> fields{};
  bool descending = false;
  std::size_t limit = 1'000;         // of buckets, from 1
  std::optional<Timestamp> after{};  // the start of a bucket: go on behind it, in the direction
};

struct Bucket {
  Timestamp start;
  std::uint64_t events = 0;          // from 1: empty buckets are left out
  std::vector<FieldSummary> fields;  // as the query's, in its order
};

struct Buckets {
  std::vector<Bucket> buckets;      // in order
  std::optional<Timestamp> next{};  // the last one's start, when there are more behind it
};

// The start of the bucket that a time lies in. A leap second belongs to the second before it.
Timestamp bucket_start(Timestamp time, std::chrono::milliseconds bucket);

struct SeriesQuery {
  std::size_t limit = 100;             // from 1
  std::optional<std::string> after{};  // the `id` of a Series: go on behind it
  bool meta = false;                   // latest with the member `_tributary`
};

// One series, as of now.
struct Series {
  std::string id;      // the value of the schema's series field, as canonical JSON
  Timestamp first;     // the earliest event's time
  Timestamp last;      // the latest event's
  std::string latest;  // that event (of several at one time the last by key), as a JSON object
};

// Ordered by id: strings by their bytes, numbers by value.
struct SeriesPage {
  std::vector<Series> series;
  bool more = false;  // behind the last one
};

// Where events end and are queried. write() by one thread at a time, the rest by any thread.
class Store {
 public:
  virtual ~Store() = default;
  // One outcome for each event, in the same order. What is `stored` or `duplicate` is durable on
  // return. No two of the events have the same key. When the store is down all are `retry`. Without
  // events it only looks whether a store that was down is back.
  virtual std::vector<Outcome> write(std::span<const Event> events) = 0;
  // errc::invalid_argument names the filter that can't be ("sensor_id=…: …"); errc::unavailable;
  // errc::timed_out says how to ask for less.
  virtual Result<Page> query(const Query& query) = 0;
  // What the events of a range come to, bucket by bucket. Errors as of query(). It tells of every
  // event that was stored before it was asked, late ones too.
  virtual Result<Buckets> aggregate(const AggregateQuery& query) = 0;
  // Each series with its first and latest event by event time. Errors as of query(); also
  // errc::unsupported: the schema has no series; errc::invalid_argument: `after` is no id of one.
  virtual Result<SeriesPage> series(const SeriesQuery& query) = 0;
  virtual HealthCheck health() const = 0;
};

}  // namespace tributary::collector
