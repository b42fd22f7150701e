#include "collector/store/mongodb_series.h"

#include <algorithm>
#include <limits>
#include <map>
#include <span>

#include "collector/store/mongodb_plan.h"
#include "collector/store/page_builder.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

using nlohmann::json;
using Type = SchemaField::Type;

// Latest events that are asked for at a time: their bytes are known only when they are here.
constexpr std::size_t kLatestMax = 100;
// So many groups that come in the order of their ids don't do so by chance.
constexpr std::size_t kGroupsMin = 32;
constexpr std::size_t kFencesMax = 1'000;

// Before any other of its type.
json least(Type type) {
  switch (type) {
    case Type::integer:
    case Type::number:
      return -std::numeric_limits<double>::infinity();
    case Type::boolean:
      return false;
    default:
      return "";
  }
}

class SeriesReader {
 public:
  SeriesReader(const MongodbRead& read, const SeriesQuery& query, const MongodbIndex& index,
               SeriesFences& fences)
      : read_(read),
        query_(query),
        index_(index),
        fences_(fences),
        field_(read.codec().schema().series()),
        time_(read.codec().schema().time()),
        limit_(std::clamp<std::size_t>(query.limit, 1, kPageEventsMax)) {}

  Result<SeriesPage> run(const std::optional<json>& after) && {
    for (auto behind = after;; behind = first_.back().value) {
      TRIBUTARY_ASSIGN(auto page, read_page(behind));
      // All may have been removed meanwhile, or be of others.
      if (!page.series.empty() || !page.more) return page;
    }
  }

 private:
  struct First {
    std::string id;
    json value;
    Timestamp time;
  };
  struct Latest {
    Timestamp time;
    std::string text;
  };

  Result<SeriesPage> read_page(const std::optional<json>& after) {
    TRIBUTARY_ASSIGN(const auto more, read_first(after));
    SeriesPage page{.series = {}, .more = more};
    std::size_t bytes = 0;
    for (auto rest = std::span<const First>(first_); !rest.empty();) {
      const auto some = rest.first(std::min(rest.size(), kLatestMax));
      TRIBUTARY_ASSIGN(auto latest, read_latest(some));
      for (const auto& [id, value, time] : some) {
        page.more = page.more || bytes >= kPageBytesMax;
        if (bytes >= kPageBytesMax) return page;
        const auto found = latest.find(id);
        if (found == latest.end()) continue;  // it was removed meanwhile
        bytes += found->second.text.size();
        page.series.push_back({.id = id,
                               .first = time,
                               .last = found->second.time,
                               .latest = std::move(found->second.text)});
      }
      rest = rest.subspan(some.size());
    }
    return page;
  }

  // The ids of the page and their first times. Whether there are more behind them.
  Result<bool> read_first(const std::optional<json>& after) {
    first_.clear();
    if (const auto fence = fences_.find(groups_max(), after)) {
      TRIBUTARY_TRY(ask_first({.after = after, .last = fence}));
    }
    if (first_.size() < groups_max()) TRIBUTARY_TRY(ask_first({.after = after}));
    // Along the index the server gives the groups in the order of their ids, and stops at the
    // limit; but it promises neither, and doesn't when it can't step from one to the next.
    const bool in_order = std::ranges::is_sorted(
        first_, [](const First& one, const First& other) { return one.value < other.value; });
    if (!in_order) TRIBUTARY_TRY(ask_first({.after = after, .sorted = true}));
    if (first_.size() >= groups_max()) fences_.note(groups_max(), after, first_.back().value);
    const bool more = first_.size() > limit_;
    if (more) first_.resize(limit_);
    return more;
  }

  [[nodiscard]] std::size_t groups_max() const { return std::max(limit_ + 1, kGroupsMin); }

  struct Ask {
    std::optional<json> after{};
    std::optional<json> last{};
    bool sorted = false;
  };

  // Fills first_ with the groups behind `after`, up to `last`.
  Result<void> ask_first(const Ask& ask) {
    const auto& codec = read_.codec();
    Bson pipeline;
    {
      BsonArray stages(pipeline.get(), "pipeline");
      {
        BsonObject stage(stages.get(), stages.next());
        BsonObject match(stage.get(), "$match");
        {
          BsonObject behind(match.get(), field_);
          codec.append_field(field_, ask.after.value_or(least(codec.schema().field(field_)->type)),
                             ask.after ? "$gt" : "$gte", behind.get());
          if (ask.last) codec.append_field(field_, *ask.last, "$lte", behind.get());
        }
        append_any_time(match.get());
      }
      append_sort(false, stages);
      {
        BsonObject stage(stages.get(), stages.next());
        BsonObject group(stage.get(), "$group");
        append_text(group.get(), "_id", "$" + field_);
        for (const auto& field : {time_, codec.time_ns()}) {
          BsonObject value(group.get(), field);
          append_text(value.get(), "$first", "$" + field);
        }
      }
      if (ask.sorted) {
        BsonObject stage(stages.get(), stages.next());
        BsonObject sort(stage.get(), "$sort");
        append_integer(sort.get(), "_id", 1);
      }
      {
        BsonObject stage(stages.get(), stages.next());
        append_integer(stage.get(), "$limit", static_cast<std::int64_t>(groups_max()));
      }
      // As in an event.
      BsonObject stage(stages.get(), stages.next());
      BsonObject members(stage.get(), "$set");
      append_text(members.get(), field_, "$_id");
    }
    first_.clear();
    return read_.aggregate(pipeline, batch(groups_max()), [&](const bson_t* document) {
      const auto event = codec.decode(document);
      const auto* const time = event.at(time_).get_ptr<const std::string*>();
      const auto parsed =
          time == nullptr ? std::unexpected(std::string_view()) : Timestamp::parse(*time);
      if (!parsed || event.at(field_).is_structured()) return true;  // of others
      std::string id;
      append_canonical(event.at(field_), id);
      first_.push_back({.id = std::move(id), .value = event.at(field_), .time = *parsed});
      return true;
    });
  }

  // By id, in one walk against the order of the index.
  Result<std::map<std::string, Latest>> read_latest(std::span<const First> first) const {
    const auto& codec = read_.codec();
    Bson pipeline;
    {
      BsonArray stages(pipeline.get(), "pipeline");
      {
        BsonObject stage(stages.get(), stages.next());
        BsonObject match(stage.get(), "$match");
        {
          BsonObject range(match.get(), field_);
          codec.append_field(field_, first.front().value, "$gte", range.get());
          codec.append_field(field_, first.back().value, "$lte", range.get());
        }
        append_any_time(match.get());
      }
      append_sort(true, stages);
      {
        BsonObject stage(stages.get(), stages.next());
        BsonObject group(stage.get(), "$group");
        append_text(group.get(), "_id", "$" + field_);
        BsonObject event(group.get(), "event");
        append_text(event.get(), "$first", "$$ROOT");
      }
      BsonObject stage(stages.get(), stages.next());
      append_text(stage.get(), "$replaceWith", "$event");
    }
    std::map<std::string, Latest> latest;
    TRIBUTARY_TRY(read_.aggregate(pipeline, batch(first.size()), [&](const bson_t* document) {
      const auto event = codec.decode(document);
      const auto place = codec.place_of(event);
      if (!place) return true;
      std::string id;
      append_canonical(event.at(field_), id);
      auto& one = latest[id];
      one.time = place->time;
      append_canonical(event, one.text);
      if (query_.meta) {
        one.text = with_meta(std::move(one.text), MongodbCodec::decode_meta(document));
      }
      return true;
    }));
    return latest;
  }

  // Passes over documents of others that have no time.
  void append_any_time(bson_t* match) const {
    BsonObject range(match, time_);
    bson_append_date_time(range.get(), "$gte", -1, std::numeric_limits<std::int64_t>::min());
  }
  void append_sort(bool descending, BsonArray& stages) const {
    BsonObject stage(stages.get(), stages.next());
    append_order(stage.get(), "$sort", index_, descending);
  }

  // With one to spare a reply says that it is the last.
  static std::int64_t batch(std::size_t documents) {
    return static_cast<std::int64_t>(documents) + 1;
  }

  const MongodbRead& read_;
  const SeriesQuery& query_;
  const MongodbIndex& index_;
  SeriesFences& fences_;
  const std::string& field_;
  const std::string& time_;
  const std::size_t limit_;
  std::vector<First> first_;
};

}  // namespace

std::optional<json> SeriesFences::find(std::size_t size, const std::optional<json>& after) {
  const MutexLock lock(mutex_);
  const auto nearest = last_.lower_bound({size, after.value_or(nullptr)});
  if (nearest == last_.end() || nearest->first.first != size) return std::nullopt;
  return nearest->second;
}

void SeriesFences::note(std::size_t size, const std::optional<json>& after, const json& last) {
  const MutexLock lock(mutex_);
  if (last_.size() >= kFencesMax) last_.clear();
  last_.insert_or_assign({size, after.value_or(nullptr)}, last);
}

Result<SeriesPage> read_series(const MongodbRead& read, const SeriesQuery& query,
                               const MongodbIndex& index, const std::optional<json>& after,
                               SeriesFences& fences) {
  return SeriesReader(read, query, index, fences).run(after);
}

}  // namespace tributary::collector
