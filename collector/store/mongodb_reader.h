#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "collector/store/mongodb_client.h"
#include "collector/store/mongodb_codec.h"
#include "collector/store/mongodb_layout.h"
#include "collector/store/mongodb_series.h"
#include "collector/store/store.h"
#include "shared/base/mutex.h"

namespace tributary::collector {

// The questions to a collection: finds out along which of our indexes each is answered, and what
// that one is called there. Any thread.
class MongodbReader {
 public:
  // All must outlive this.
  MongodbReader(const MongodbTarget& target, const MongodbCodec& codec, const MongodbLayout& layout,
                MongodbClients& clients, std::chrono::milliseconds query_time);

  // As those of Store.
  Result<Page> query(const Query& query);
  Result<Buckets> aggregate(const AggregateQuery& query);
  Result<SeriesPage> series(const SeriesQuery& query);

 private:
  // What `ask` gives, which takes a MongodbRead along this one of the layout's indexes; an empty
  // answer when there is no collection.
  template <class Answer, class Ask>
  Result<Answer> read(std::size_t index_number, const Ask& ask);
  // The names of the indexes there; empty when there is no collection.
  Result<std::vector<std::string>> index_names(const MongodbClient& client);
  void forget_index_names();

  const MongodbTarget& target_;
  const MongodbCodec& codec_;
  const MongodbLayout& layout_;
  MongodbClients& clients_;
  const std::chrono::milliseconds query_time_;
  SeriesFences series_fences_;

  Mutex mutex_;
  std::vector<std::string> index_names_
      TRIBUTARY_GUARDED_BY(mutex_);  // as layout_.indexes(); empty: not known
};

}  // namespace tributary::collector
