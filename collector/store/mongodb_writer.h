#pragma once

#include <atomic>
#include <chrono>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "collector/store/mongodb_bulk.h"

namespace tributary::collector {

// Writes batches, cut into bulks of which two are on their way at a time, over a connection each:
// while the server works at one, the documents of the other are made.
//
// A bulk is inserted as it is, and the keys that turn out to be there are looked up. In a replay,
// where most are there, it is the other way round: once a quarter of a bulk was there, the next
// ones are looked up first, and only what is missing is inserted, until less than that is found. A
// document that is there costs the server two to six times as much by insert as by lookup.
//
// One thread, that of Store::write().
class MongodbWriter {
 public:
  // All must outlive this.
  MongodbWriter(const MongodbTarget& target, const MongodbCodec& codec, const MongodbLayout& layout,
                MongodbClients& clients);

  struct Written {
    std::vector<Outcome> outcomes;
    std::string problem;  // why the server didn't take all of them; empty when it did
  };
  // As Store::write.
  Written write(std::span<const Event> events);

 private:
  struct Batch;

  Result<MongodbClient> prepare();
  std::vector<bson_oid_t> ids_for(std::span<const Event> events) const;
  void write_bulks(Batch& batch, MongodbBulkWriter& lane, const MongodbClient& client);
  void remember_attempts(std::span<const Event> events, const std::vector<bson_oid_t>& ids,
                         const std::vector<Outcome>& outcomes);

  const MongodbTarget& target_;
  const MongodbLayout& layout_;
  MongodbClients& clients_;
  MongodbBulkWriter first_lane_;
  MongodbBulkWriter second_lane_;
  std::atomic<bool> look_first_ = false;

  std::string key_index_;
  std::chrono::steady_clock::time_point checked_;  // when the indexes were seen; zero: not yet
  // The `_id` under which an event was sent without an answer, by its key: when it turns out to be
  // there under this one, it was stored now, and is no duplicate.
  std::unordered_map<std::string, bson_oid_t> attempts_;
};

}  // namespace tributary::collector
