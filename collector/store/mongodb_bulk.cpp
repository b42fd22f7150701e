#include "collector/store/mongodb_bulk.h"

#include <nlohmann/json.hpp>
#include <numeric>

#include "collector/store/conflict.h"
#include "collector/store/mongodb_error.h"
#include "shared/base/check.h"

namespace tributary::collector {
namespace {

using enum Outcome::Verdict;

constexpr std::size_t kDetailSizeMax = 1'000;

std::int64_t integer_member(const bson_t* document, const char* name) {
  bson_iter_t at;
  return bson_iter_init_find(&at, document, name) ? bson_iter_as_int64(&at) : 0;
}

std::size_t elements_of(const bson_t* document, const char* name) {
  std::size_t count = 0;
  bson_iter_t at;
  bson_iter_t element;
  if (!bson_iter_init_find(&at, document, name) || !bson_iter_recurse(&at, &element)) return 0;
  while (bson_iter_next(&element)) ++count;
  return count;
}

// One of a reply's writeErrors.
struct WriteError {
  std::size_t index = 0;
  std::uint32_t code = 0;
  std::string message;
  bool of_key = false;  // of the unique index on the key, or on `_id`

  static WriteError of(const bson_iter_t& element, const MongodbLayout& layout) {
    WriteError error;
    bson_iter_t at;
    bson_iter_recurse(&element, &at);
    while (bson_iter_next(&at)) {
      const auto name = name_of(at);
      if (name == "index") error.index = static_cast<std::size_t>(bson_iter_as_int64(&at));
      if (name == "code") error.code = static_cast<std::uint32_t>(bson_iter_as_int64(&at));
      if (name == "errmsg") error.message = text_of(at).substr(0, kDetailSizeMax);
      if (name == "keyPattern" && BSON_ITER_HOLDS_DOCUMENT(&at)) {
        std::uint32_t size = 0;
        const std::uint8_t* bytes = nullptr;
        bson_t pattern;
        bson_iter_document(&at, &size, &bytes);
        error.of_key = bson_init_static(&pattern, bytes, size) &&
                       (layout.is_key_pattern(&pattern) || bson_has_field(&pattern, "_id"));
      }
    }
    return error;
  }
};

}  // namespace

MongodbBulkWriter::MongodbBulkWriter(const MongodbTarget& target, const MongodbCodec& codec,
                                     const MongodbLayout& layout)
    : target_(target), codec_(codec), layout_(layout) {
  append_bool(unordered_.get(), "ordered", false);
  append_bool(unchecked_.get(), "validate", false);  // it would refuse names with $ and dots
}

Result<std::size_t> MongodbBulkWriter::write(const MongodbClient& client, const MongodbBulk& bulk) {
  std::vector<std::size_t> missing(bulk.events.size());
  std::iota(missing.begin(), missing.end(), std::size_t{0});
  std::size_t had = 0;
  if (bulk.look_first) {
    TRIBUTARY_ASSIGN(had, judge_stored(client, bulk, missing));
  }
  clashes_.clear();
  TRIBUTARY_TRY(insert(client.collection(target_).get(), bulk, missing));
  if (clashes_.empty()) return had;
  TRIBUTARY_ASSIGN(const auto clashed, judge_clashes(client, bulk));
  return had + clashed;
}

// Decides those of `events` that the store has, and leaves the others in it.
Result<std::size_t> MongodbBulkWriter::judge_stored(const MongodbClient& client,
                                                    const MongodbBulk& bulk,
                                                    std::vector<std::size_t>& events) {
  std::vector<const Event*> looked_up;
  looked_up.reserve(events.size());
  for (const auto event : events) looked_up.push_back(&bulk.events[event]);
  TRIBUTARY_ASSIGN(const auto found, look_up(client, target_, codec_, bulk.key_index, looked_up));
  return std::erase_if(events, [&](std::size_t index) {
    const auto& event = bulk.events[index];
    const auto there = found.find(event.key);
    if (there == found.end()) return false;
    const auto& [id, hash, received_at] = there->second;
    auto& outcome = bulk.outcomes[index];
    if (!hash) {
      outcome = {.verdict = conflict,
                 .detail = "the store has " + readable_key(*event.document, codec_.schema().key()) +
                           " in a document without a hash, which Tributary didn't write"};
    } else if (*hash != event.hash) {
      outcome = conflict_with(event, codec_.schema(), received_at);
    } else {
      // An earlier attempt of this process got through without its answer.
      outcome = {.verdict = bson_oid_equal(&id, &bulk.ids[index]) ? stored : duplicate,
                 .detail = {}};
    }
    return true;
  });
}

// A key that the store has may be refused by another unique index before ours, so all are looked
// up.
Result<std::size_t> MongodbBulkWriter::judge_clashes(const MongodbClient& client,
                                                     const MongodbBulk& bulk) {
  std::vector<std::size_t> events;
  events.reserve(clashes_.size());
  for (const auto& clash : clashes_) events.push_back(clash.event);
  TRIBUTARY_ASSIGN(const auto had, judge_stored(client, bulk, events));
  auto missing = events.begin();
  for (auto& clash : clashes_) {
    if (missing == events.end()) break;
    if (clash.event != *missing) continue;
    ++missing;
    if (clash.of_key) {
      bulk.outcomes[clash.event] = {
          .verdict = retry,
          .detail = "the store has the key, but a majority of its servers doesn't have it yet"};
    } else {
      bulk.outcomes[clash.event] = {.verdict = rejected, .detail = std::move(clash.message)};
    }
  }
  return had;
}

Result<void> MongodbBulkWriter::insert(mongoc_collection_t* collection, const MongodbBulk& bulk,
                                       std::span<const std::size_t> events) {
  const Mongodb<mongoc_bulk_operation_t> inserts(
      mongoc_collection_create_bulk_operation_with_opts(collection, unordered_.get()));
  bson_error_t why{};
  std::vector<std::size_t> sent;
  sent.reserve(events.size());
  for (const auto event : events) {
    auto problem = codec_.encode(bulk.events[event], bulk.ids[event], document_.emptied());
    if (!problem && !mongoc_bulk_operation_insert_with_opts(inserts.get(), document_.get(),
                                                            unchecked_.get(), &why)) {
      problem = why.message;
    }
    if (problem) {
      bulk.outcomes[event] = {.verdict = rejected, .detail = std::move(*problem)};
    } else {
      sent.push_back(event);
    }
  }
  if (sent.empty()) return {};

  Bson reply;
  mongoc_bulk_operation_execute(inserts.get(), reply.replaced(), &why);
  if (elements_of(reply.get(), "writeConcernErrors") > 0) {
    return std::unexpected(target_.error("have inserts acknowledged", why));
  }
  const auto inserted = static_cast<std::size_t>(integer_member(reply.get(), "nInserted"));
  if (inserted + elements_of(reply.get(), "writeErrors") == sent.size()) {
    for (const auto event : sent) bulk.outcomes[event] = {.verdict = stored, .detail = {}};
    read_write_errors(reply.get(), bulk, sent);
    return {};
  }
  if (!is_of_a_document(why)) return std::unexpected(target_.error("insert events", why));
  if (sent.size() == 1) {
    bulk.outcomes[sent.front()] = {.verdict = rejected, .detail = why.message};
    return {};
  }
  const auto half = std::span(sent).first(sent.size() / 2);
  TRIBUTARY_TRY(insert(collection, bulk, half));
  return insert(collection, bulk, std::span(sent).subspan(half.size()));
}

void MongodbBulkWriter::read_write_errors(const bson_t* reply, const MongodbBulk& bulk,
                                          std::span<const std::size_t> sent) {
  bson_iter_t at;
  bson_iter_t element;
  if (!bson_iter_init_find(&at, reply, "writeErrors") || !bson_iter_recurse(&at, &element)) return;
  while (bson_iter_next(&element)) {
    auto error = WriteError::of(element, layout_);
    CHECK(error.index < sent.size());
    const auto event = sent[error.index];
    auto& outcome = bulk.outcomes[event];
    outcome.verdict = is_of_the_document(error.code) ? rejected : retry;
    outcome.unknown = outcome.verdict == retry && !is_of_the_server(error.code);
    if (error.code == kDuplicateKey) {
      clashes_.push_back({event, error.of_key, std::move(error.message)});
    } else {
      outcome.detail = std::move(error.message);
    }
  }
}

}  // namespace tributary::collector
