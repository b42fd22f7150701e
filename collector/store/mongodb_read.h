#pragma once

#include <chrono>
#include <string>

#include "collector/store/mongodb_bson.h"
#include "collector/store/mongodb_client.h"
#include "collector/store/mongodb_codec.h"

namespace tributary::collector {

// One question to a collection: over which connection it is asked, along which index, and how long
// it may take, with all the commands that it needs. What a majority of the servers doesn't have is
// not shown. One thread.
class MongodbRead {
 public:
  // `index` is its name in the collection. All must outlive this.
  MongodbRead(const MongodbTarget& target, const MongodbCodec& codec, const MongodbClient& client,
              const std::string& index, std::chrono::milliseconds time);

  // Calls `each` with each document of the answer, until it returns false. `options`, empty or with
  // some of the command's, get the rest; a reply has up to `batch` documents. errc::not_found:
  // there is no such index; errc::timed_out, in words for who asked; errc::unavailable.
  template <class Each>
  Result<void> find(const Bson& filter, Bson& options, std::int64_t batch, const Each& each) const {
    TRIBUTARY_ASSIGN(const auto cursor, start_find(filter, options, batch));
    return give(cursor.get(), each);
  }
  // The same for an aggregation: `pipeline` has the array of its stages as its member `pipeline`.
  template <class Each>
  Result<void> aggregate(const Bson& pipeline, std::int64_t batch, const Each& each) const {
    TRIBUTARY_ASSIGN(const auto cursor, start_aggregate(pipeline, batch));
    return give(cursor.get(), each);
  }

  [[nodiscard]] const MongodbCodec& codec() const { return codec_; }

 private:
  Result<Mongodb<mongoc_cursor_t>> start_find(const Bson& filter, Bson& options,
                                              std::int64_t batch) const;
  Result<Mongodb<mongoc_cursor_t>> start_aggregate(const Bson& pipeline, std::int64_t batch) const;
  Result<void> append_options(std::int64_t batch, bson_t* to) const;
  template <class Each>
  Result<void> give(mongoc_cursor_t* cursor, const Each& each) const {
    const bson_t* document = nullptr;
    while (mongoc_cursor_next(cursor, &document)) {
      if (!each(document)) return {};
    }
    return check_end(cursor);
  }
  Result<void> check_end(mongoc_cursor_t* cursor) const;
  [[nodiscard]] Error took_too_long() const;

  const MongodbTarget& target_;
  const MongodbCodec& codec_;
  const MongodbClient& client_;
  const std::string& index_;
  const std::chrono::milliseconds time_;
  const std::chrono::steady_clock::time_point deadline_;
};

}  // namespace tributary::collector
