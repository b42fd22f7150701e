#include "collector/store/mongodb_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "collector/store/mongodb_aggregate.h"
#include "collector/store/mongodb_page.h"
#include "collector/store/mongodb_plan.h"
#include "collector/store/mongodb_read.h"
#include "collector/store/series_id.h"
#include "shared/event/key.h"

namespace tributary::collector {

MongodbReader::MongodbReader(const MongodbTarget& target, const MongodbCodec& codec,
                             const MongodbLayout& layout, MongodbClients& clients,
                             std::chrono::milliseconds query_time)
    : target_(target), codec_(codec), layout_(layout), clients_(clients), query_time_(query_time) {}

template <class Answer, class Ask>
Result<Answer> MongodbReader::read(std::size_t index_number, const Ask& ask) {
  TRIBUTARY_ASSIGN(const auto client, clients_.take());
  // A second time when the index went away since it was seen.
  for (const bool again : {false, true}) {
    TRIBUTARY_ASSIGN(const auto names, index_names(client));
    if (names.empty()) return Answer{};
    Result<Answer> answer =
        ask(MongodbRead(target_, codec_, client, names[index_number], query_time_));
    if (answer || again || answer.error() != errc::not_found) return answer;
    forget_index_names();
  }
  return Answer{};
}

Result<Page> MongodbReader::query(const Query& query) {
  const auto range = PlaceRange::of(query, codec_.schema());
  std::optional<nlohmann::json> after;
  if (query.after) {
    after = decode_key(codec_.schema(), query.after->key);
    if (!after) return fail(errc::invalid_argument, "the cursor is of events of another kind");
  }
  TRIBUTARY_ASSIGN(const auto plan, MongodbPlan::of(query.filters, codec_, layout_));
  if (range.empty() || plan.impossible()) return Page{};
  return read<Page>(plan.index_number, [&](const MongodbRead& read) {
    return read_page(read, query, plan, range, after);
  });
}

Result<Buckets> MongodbReader::aggregate(const AggregateQuery& query) {
  TRIBUTARY_ASSIGN(const auto plan, MongodbPlan::of(query.filters, codec_, layout_));
  if (plan.impossible()) return Buckets{};
  return read<Buckets>(plan.index_number,
                       [&](const MongodbRead& read) { return read_buckets(read, query, plan); });
}

Result<SeriesPage> MongodbReader::series(const SeriesQuery& query) {
  const auto& schema = codec_.schema();
  const auto number = layout_.series_index();
  if (!number) {
    return fail(errc::unsupported, "the schema " + schema.name() +
                                       " has no series: x-tributary names none, or the time");
  }
  std::optional<nlohmann::json> after;
  if (query.after) {
    TRIBUTARY_ASSIGN(after, parse_series_id(*query.after, schema));
  }
  return read<SeriesPage>(*number, [&](const MongodbRead& read) {
    return read_series(read, query, layout_.indexes()[*number], after, series_fences_);
  });
}

Result<std::vector<std::string>> MongodbReader::index_names(const MongodbClient& client) {
  {
    const MutexLock lock(mutex_);
    if (!index_names_.empty()) return index_names_;
  }
  TRIBUTARY_ASSIGN(auto found, layout_.inspect(client, target_));
  if (!found.collection) return std::vector<std::string>();
  if (!found.complete()) {
    TRIBUTARY_ASSIGN(found, layout_.prepare(client, target_));
  }
  const MutexLock lock(mutex_);
  index_names_ = found.names;
  return index_names_;
}

void MongodbReader::forget_index_names() {
  const MutexLock lock(mutex_);
  index_names_.clear();
}

}  // namespace tributary::collector
