#include "collector/store/mongodb_read.h"

#include "collector/store/mongodb_error.h"

namespace tributary::collector {

MongodbRead::MongodbRead(const MongodbTarget& target, const MongodbCodec& codec,
                         const MongodbClient& client, const std::string& index,
                         std::chrono::milliseconds time)
    : target_(target),
      codec_(codec),
      client_(client),
      index_(index),
      time_(time),
      deadline_(std::chrono::steady_clock::now() + time) {}

Result<Mongodb<mongoc_cursor_t>> MongodbRead::start_find(const Bson& filter, Bson& options,
                                                         std::int64_t batch) const {
  TRIBUTARY_TRY(append_options(batch, options.get()));
  return Mongodb<mongoc_cursor_t>(mongoc_collection_find_with_opts(
      client_.collection(target_).get(), filter.get(), options.get(), nullptr));
}

Result<Mongodb<mongoc_cursor_t>> MongodbRead::start_aggregate(const Bson& pipeline,
                                                              std::int64_t batch) const {
  Bson options;
  TRIBUTARY_TRY(append_options(batch, options.get()));
  return Mongodb<mongoc_cursor_t>(mongoc_collection_aggregate(client_.collection(target_).get(),
                                                              MONGOC_QUERY_NONE, pipeline.get(),
                                                              options.get(), nullptr));
}

Result<void> MongodbRead::append_options(std::int64_t batch, bson_t* to) const {
  using std::chrono::milliseconds;
  const auto left =
      std::chrono::ceil<milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
  if (left <= 0) return std::unexpected(took_too_long());
  append_text(to, "hint", index_);
  append_integer(to, "maxTimeMS", left);
  append_integer(to, "batchSize", batch);
  BsonObject concern(to, "readConcern");
  append_text(concern.get(), "level", "majority");
  return {};
}

Result<void> MongodbRead::check_end(mongoc_cursor_t* cursor) const {
  bson_error_t why{};
  if (!mongoc_cursor_error(cursor, &why)) return {};
  const auto error = target_.error("read events", why);
  if (error == errc::timed_out) return std::unexpected(took_too_long());
  if (why.domain == MONGOC_ERROR_SERVER && why.code == kBadValue) {
    return fail(errc::not_found, error.message());
  }
  return std::unexpected(error);
}

Error MongodbRead::took_too_long() const {
  return {errc::timed_out, "the query took longer than " + std::to_string(time_.count()) +
                               " ms: narrow it with start and end, or by its series"};
}

}  // namespace tributary::collector
