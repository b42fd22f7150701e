#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "collector/outcome.h"
#include "collector/store/mongodb_client.h"
#include "collector/store/mongodb_codec.h"
#include "collector/store/mongodb_layout.h"
#include "collector/store/mongodb_lookup.h"

namespace tributary::collector {

// Some of the events of a batch, and what becomes of them: `retry` without a detail at first.
struct MongodbBulk {
  std::span<const Event> events;
  std::span<const bson_oid_t> ids;  // the `_id` of each
  std::span<Outcome> outcomes;
  const std::string& key_index;  // the name of the unique index
  bool look_first = false;
};

// Writes bulks, one after the other, and keeps its buffers between them. One thread at a time.
class MongodbBulkWriter {
 public:
  // All must outlive this.
  MongodbBulkWriter(const MongodbTarget& target, const MongodbCodec& codec,
                    const MongodbLayout& layout);
  // How many events the store had before. On an error the outcomes that weren't decided are still
  // `retry`, and the others hold.
  Result<std::size_t> write(const MongodbClient& client, const MongodbBulk& bulk);

 private:
  // An event whose insert some unique index refused.
  struct Clash {
    std::size_t event;
    bool of_key;  // the index on the key, or on `_id`
    std::string message;
  };

  Result<void> insert(mongoc_collection_t* collection, const MongodbBulk& bulk,
                      std::span<const std::size_t> events);
  void read_write_errors(const bson_t* reply, const MongodbBulk& bulk,
                         std::span<const std::size_t> sent);
  Result<std::size_t> judge_stored(const MongodbClient& client, const MongodbBulk& bulk,
                                   std::vector<std::size_t>& events);
  Result<std::size_t> judge_clashes(const MongodbClient& client, const MongodbBulk& bulk);

  Bson unordered_;
  Bson unchecked_;
  Bson document_;
  const MongodbTarget& target_;
  const MongodbCodec& codec_;
  const MongodbLayout& layout_;
  std::vector<Clash> clashes_;
};

}  // namespace tributary::collector
