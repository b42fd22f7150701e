#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "collector/store/postgresql_codec.h"
#include "collector/store/postgresql_connection.h"
#include "collector/store/store.h"
#include "shared/base/mutex.h"

namespace tributary::collector {

// A few connections that only read, and the questions that are asked over them. Any thread. Each
// question has a connection to itself.
class PostgresqlReaders {
 public:
  struct Limits {
    std::chrono::milliseconds connection_wait;  // for one of the connections
    std::chrono::milliseconds query_time;       // for one answer
  };

  // Both must outlive this.
  PostgresqlReaders(const PostgresqlTarget& target, const PostgresqlCodec& codec, Limits limits);

  // As those of Store.
  Result<Page> query(const Query& query);
  Result<Buckets> aggregate(const AggregateQuery& query);
  Result<SeriesPage> series(const SeriesQuery& query);
  // Whether the server answers. errc::unavailable.
  Result<void> look();

 private:
  // What `ask` makes of a connection; an empty answer when there is no table yet.
  template <class Answer, class Ask>
  Result<Answer> read(const Ask& ask);
  Result<PostgresqlConnection> acquire();
  Result<PostgresqlConnection> connect() const;
  void give_back(PostgresqlConnection connection);

  const PostgresqlTarget& target_;
  const PostgresqlCodec& codec_;
  const Limits limits_;

  Mutex mutex_;
  Condition given_back_;
  std::vector<PostgresqlConnection> idle_ TRIBUTARY_GUARDED_BY(mutex_);
  std::size_t in_use_ TRIBUTARY_GUARDED_BY(mutex_) = 0;
};

}  // namespace tributary::collector
