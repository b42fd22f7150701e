#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "collector/store/mongodb_client.h"
#include "collector/store/mongodb_codec.h"
#include "collector/store/mongodb_layout.h"
#include "collector/store/store.h"
#include "shared/base/mutex.h"

namespace tributary::collector {

// The queries. Each one reads along one of our indexes, between two of its places, so that the
// server neither sorts nor reads what the range leaves out; what a majority of the servers doesn't
// have is not shown. Any thread.
class MongodbReader {
 public:
  // All must outlive this.
  MongodbReader(const MongodbTarget& target, const MongodbCodec& codec, const MongodbLayout& layout,
                MongodbClients& clients, std::chrono::milliseconds query_time);

  // As Store::query.
  Result<Page> query(const Query& query);

 private:
  struct Plan;

  Result<Plan> plan(const Query& query) const;
  // The names of the indexes there; empty when there is no collection.
  Result<std::vector<std::string>> index_names(const MongodbClient& client);
  void forget_index_names();
  Result<Page> read_page(const MongodbClient& client, const Query& query, const Plan& plan,
                         const std::string& index) const;

  const MongodbTarget& target_;
  const MongodbCodec& codec_;
  const MongodbLayout& layout_;
  MongodbClients& clients_;
  const std::chrono::milliseconds query_time_;

  Mutex mutex_;
  std::vector<std::string> index_names_
      TRIBUTARY_GUARDED_BY(mutex_);  // as layout_.indexes(); empty: not known
};

}  // namespace tributary::collector
