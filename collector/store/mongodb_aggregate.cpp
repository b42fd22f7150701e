#include "collector/store/mongodb_aggregate.h"

#include <algorithm>

#include "collector/store/place_range.h"
#include "shared/event/event.h"

namespace tributary::collector {
namespace {

using Milliseconds = std::int64_t;  // since 1970

constexpr Milliseconds kSecond = 1'000;
constexpr Milliseconds kFirst = -62'135'596'800 * kSecond;  // 0001-01-01: no event is earlier
constexpr Milliseconds kEnd = 253'402'300'800 * kSecond;    // 10000-01-01: none is so late

// What a first step reads, when nothing is known of how many events a bucket has, and how many
// times as much the next one may read.
constexpr std::int64_t kFirstStepEventsMin = 2'000;
constexpr std::int64_t kStepGrowthMax = 8;

Milliseconds milliseconds_of(Timestamp time) { return MongodbTime::of(time).milliseconds; }

// Of the start of a bucket, which is a whole millisecond.
Timestamp start_of(Milliseconds milliseconds) {
  const auto in_second = (milliseconds % kSecond + kSecond) % kSecond;
  return {.seconds = (milliseconds - in_second) / kSecond,
          .nanoseconds = static_cast<std::int32_t>(in_second * 1'000'000)};
}

// The times from the lower one to before the upper one.
struct TimeRange {
  MongodbTime lower{.milliseconds = kFirst};
  MongodbTime upper{.milliseconds = kEnd};

  static TimeRange of(const AggregateQuery& query, const Schema& schema) {
    const auto places =
        PlaceRange::of({.filters = query.filters, .start = query.start, .end = query.end}, schema);
    TimeRange range;
    if (places.lower.time > start_of(kFirst)) range.lower = MongodbTime::of(places.lower.time);
    if (places.upper.time < start_of(kEnd)) range.upper = MongodbTime::of(places.upper.time);
    if (query.after) range.go_on(milliseconds_of(*query.after), query);
    return range;
  }

  [[nodiscard]] bool empty() const { return lower >= upper; }
  [[nodiscard]] bool bounded() const {
    return lower.milliseconds != kFirst && upper.milliseconds != kEnd;
  }
  // Leaves out the bucket that begins at `start`, and what is before it in the query's direction.
  void go_on(Milliseconds start, const AggregateQuery& query) {
    if (query.descending) {
      upper = std::min(upper, {.milliseconds = start});
    } else {
      const bool last = start > kEnd - query.bucket.count();
      lower = std::max(lower, {.milliseconds = last ? kEnd : start + query.bucket.count()});
    }
  }

  // Members of a filter.
  void append(const MongodbCodec& codec, bson_t* to) const {
    const auto& time = codec.schema().time();
    {
      BsonObject dates(to, time);
      bson_append_date_time(dates.get(), "$gte", -1, lower.milliseconds);
      bson_append_date_time(dates.get(), upper.nanoseconds == 0 ? "$lt" : "$lte", -1,
                            upper.milliseconds);
    }
    if (lower.nanoseconds == 0 && upper.nanoseconds == 0) return;
    BsonArray none(to, "$nor");
    append_edge(codec, lower, "$lt", none);
    append_edge(codec, upper, "$gte", none);
  }

 private:
  // The events of the edge's millisecond that aren't in the range.
  static void append_edge(const MongodbCodec& codec, const MongodbTime& edge, const char* outside,
                          BsonArray& to) {
    if (edge.nanoseconds == 0) return;
    const auto& time = codec.schema().time();
    BsonObject both(to.get(), to.next());
    bson_append_date_time(both.get(), time.data(), static_cast<int>(time.size()),
                          edge.milliseconds);
    BsonObject below(both.get(), codec.time_ns());
    bson_append_int32(below.get(), outside, -1, edge.nanoseconds);
  }
};

// Whether an event can have a number there.
bool is_possible(const FieldPath& path, const Schema& schema) {
  return !path.empty() && path.size() <= kNestingMax && !schema.is_reserved(path.front()) &&
         std::ranges::none_of(
             path, [](const auto& name) { return name.find('\0') != std::string::npos; });
}

class BucketReader {
 public:
  BucketReader(const MongodbRead& read, const AggregateQuery& query, const MongodbPlan& plan)
      : read_(read),
        query_(query),
        plan_(plan),
        limit_(std::clamp<std::size_t>(query.limit, 1, kPageEventsMax)),
        range_(TimeRange::of(query, read.codec().schema())) {}

  Result<Buckets> run() && {
    if (range_.empty()) return Buckets{};
    if (all_at_once()) {
      TRIBUTARY_TRY(ask(0));
    } else {
      TRIBUTARY_TRY(run_in_steps());
    }
    Buckets answer{.buckets = std::move(buckets_)};
    if (answer.buckets.size() > limit_) {
      answer.buckets.resize(limit_);
      answer.next = answer.buckets.back().start;
    }
    return answer;
  }

 private:
  // Whether all that the range has is of the answer.
  [[nodiscard]] bool all_at_once() const {
    if (plan_.one_event()) return true;
    if (!range_.bounded()) return false;
    const auto width = range_.upper.milliseconds - range_.lower.milliseconds;
    return width / query_.bucket.count() < static_cast<std::int64_t>(limit_);
  }

  // A sum is known only when all its events are read, so a range that may hold many more buckets
  // than the answer isn't read to its end: each step reads some of its events, in order.
  Result<void> run_in_steps() {
    auto events_max = std::max(kFirstStepEventsMin, 2 * static_cast<std::int64_t>(limit_));
    while (!range_.empty() && buckets_.size() <= limit_) {
      const auto before = buckets_.size();
      TRIBUTARY_ASSIGN(const auto events, ask(events_max));
      if (buckets_.size() > limit_ + 1) break;      // the last one may be cut, and isn't needed
      if (events < events_max) break;               // that was all
      const auto cut = std::move(buckets_.back());  // perhaps: it is read again
      buckets_.pop_back();
      if (buckets_.size() > before) {
        range_.go_on(milliseconds_of(buckets_.back().start), query_);
      }
      events_max = next_step(events_max, buckets_.size() - before,
                             events - static_cast<std::int64_t>(cut.events));
    }
    return {};
  }

  // As many events as the missing buckets have when they are like those of the last step, and a
  // tenth more.
  [[nodiscard]] std::int64_t next_step(std::int64_t last, std::size_t buckets,
                                       std::int64_t events) const {
    const auto most = kStepGrowthMax * last;
    if (buckets == 0) return most;
    const auto needed = events * wanted() / static_cast<std::int64_t>(buckets) * 11 / 10;
    return std::clamp(needed, std::min(kFirstStepEventsMin, most), most);
  }

  // Adds what the first events of the range, at most so many (0: all), come to. Their number.
  Result<std::int64_t> ask(std::int64_t events_max) {
    Bson pipeline;
    {
      BsonArray stages(pipeline.get(), "pipeline");
      append_match(stages);
      if (events_max > 0) append_first(events_max, stages);
      append_group(stages);
      {
        BsonObject stage(stages.get(), stages.next());
        BsonObject sort(stage.get(), "$sort");
        append_integer(sort.get(), "_id", query_.descending ? -1 : 1);
      }
      BsonObject stage(stages.get(), stages.next());
      append_integer(stage.get(), "$limit", wanted());
    }
    std::int64_t events = 0;
    TRIBUTARY_TRY(read_.aggregate(pipeline, wanted() + 1, [&](const bson_t* document) {
      buckets_.push_back(decode(document));
      events += static_cast<std::int64_t>(buckets_.back().events);
      return true;
    }));
    return events;
  }

  // One more than the answer takes shows that there are more; one more yet, that this one is whole.
  [[nodiscard]] std::int64_t wanted() const {
    return static_cast<std::int64_t>(limit_ + 2 - buckets_.size());
  }

  void append_match(BsonArray& stages) const {
    BsonObject stage(stages.get(), stages.next());
    BsonObject match(stage.get(), "$match");
    plan_.append_fixed(read_.codec(), match.get());
    range_.append(read_.codec(), match.get());
    plan_.append_conditions(read_.codec(), match.get());
  }

  void append_first(std::int64_t events_max, BsonArray& stages) const {
    {
      BsonObject stage(stages.get(), stages.next());
      append_order(stage.get(), "$sort", *plan_.index, query_.descending);
    }
    BsonObject stage(stages.get(), stages.next());
    append_integer(stage.get(), "$limit", events_max);
  }

  void append_group(BsonArray& stages) const {
    BsonObject stage(stages.get(), stages.next());
    BsonObject group(stage.get(), "$group");
    append_start(group.get());
    {
      BsonObject events(group.get(), "events");
      append_integer(events.get(), "$sum", 1);
    }
    for (std::size_t i = 0; i < query_.fields.size(); ++i) {
      const auto& path = query_.fields[i];
      if (!is_possible(path, read_.codec().schema())) continue;
      append_field(path, std::to_string(i), group.get());
    }
  }

  // The time less what it is behind the start of its bucket: the remainder of its distance from one
  // that begins before all events, as $mod of a negative number is negative.
  void append_start(bson_t* group) const {
    const auto time = "$" + read_.codec().schema().time();
    const auto origin = milliseconds_of(bucket_start(start_of(kFirst), query_.bucket));
    BsonObject id(group, "_id");
    BsonArray difference(id.get(), "$subtract");
    append_text(difference.get(), difference.next(), time);
    BsonObject remainder(difference.get(), difference.next());
    BsonArray operands(remainder.get(), "$mod");
    {
      BsonObject distance(operands.get(), operands.next());
      BsonArray between(distance.get(), "$subtract");
      append_text(between.get(), between.next(), time);
      const auto name = between.next();
      bson_append_date_time(between.get(), name.data(), static_cast<int>(name.size()), origin);
    }
    append_integer(operands.get(), operands.next(), query_.bucket.count());
  }

  // count_…, sum_…, min_… and max_… of what is a number. Each passes over null, $sum over all else.
  static void append_field(const FieldPath& path, const std::string& number, bson_t* group) {
    const auto append_path = [&path](bson_t* to, std::string_view name) {
      append_member(to, name, path);
    };
    const auto append_one = [](bson_t* to, std::string_view name) { append_integer(to, name, 1); };
    append_of_numbers("count_" + number, "$sum", path, append_one, group);
    append_of_numbers("min_" + number, "$min", path, append_path, group);
    append_of_numbers("max_" + number, "$max", path, append_path, group);
    BsonObject sum(group, "sum_" + number);
    append_path(sum.get(), "$sum");
  }

  template <class AppendValue>
  static void append_of_numbers(const std::string& name, std::string_view accumulator,
                                const FieldPath& path, const AppendValue& append_value,
                                bson_t* group) {
    BsonObject all(group, name);
    BsonObject one(all.get(), accumulator);
    BsonArray choice(one.get(), "$cond");
    {
      BsonObject test(choice.get(), choice.next());
      append_member(test.get(), "$isNumber", path);
    }
    append_value(choice.get(), choice.next());
    append_null(choice.get(), choice.next());
  }

  [[nodiscard]] Bucket decode(const bson_t* document) const {
    Bucket bucket;
    bucket.fields.resize(query_.fields.size());
    bson_iter_t at;
    if (!bson_iter_init(&at, document)) return bucket;
    while (bson_iter_next(&at)) {
      const auto name = name_of(at);
      if (name == "_id") {
        bucket.start = start_of(bson_iter_date_time(&at));
      } else if (name == "events") {
        bucket.events = static_cast<std::uint64_t>(bson_iter_as_int64(&at));
      } else {
        decode_number(at, name, bucket.fields);
      }
    }
    return bucket;
  }

  static void decode_number(const bson_iter_t& at, std::string_view name,
                            std::vector<FieldSummary>& fields) {
    const auto line = name.find('_');
    auto& field = fields.at(std::stoul(std::string(name.substr(line + 1))));
    const auto what = name.substr(0, line);
    if (!BSON_ITER_HOLDS_NUMBER(&at)) return;  // least and greatest of none
    if (what == "count") field.count = static_cast<std::uint64_t>(bson_iter_as_int64(&at));
    if (what == "sum") field.sum = bson_iter_as_double(&at);
    if (what == "min") field.min = bson_iter_as_double(&at);
    if (what == "max") field.max = bson_iter_as_double(&at);
  }

  const MongodbRead& read_;
  const AggregateQuery& query_;
  const MongodbPlan& plan_;
  const std::size_t limit_;
  TimeRange range_;  // what is not read yet
  std::vector<Bucket> buckets_;
};

}  // namespace

Result<Buckets> read_buckets(const MongodbRead& read, const AggregateQuery& query,
                             const MongodbPlan& plan) {
  return BucketReader(read, query, plan).run();
}

}  // namespace tributary::collector
