#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "collector/store/mongodb_client.h"
#include "collector/store/mongodb_codec.h"
#include "shared/event/event.h"

namespace tributary::collector {

// What the collection has under one key.
struct MongodbStored {
  bson_oid_t id{};
  std::optional<ContentHash> hash;  // none in a document that others made
  std::string received_at;          // may be empty
};
using MongodbStoredByKey = std::unordered_map<std::string, MongodbStored>;

// Finds the documents with the keys of these events, as far as a majority has them, with one
// command that reads them by the index `key_index`. A document that is missing here may be there
// and be lost again. errc::unavailable.
Result<MongodbStoredByKey> look_up(const MongodbClient& client, const MongodbTarget& target,
                                   const MongodbCodec& codec, const std::string& key_index,
                                   std::span<const Event* const> events);

}  // namespace tributary::collector
