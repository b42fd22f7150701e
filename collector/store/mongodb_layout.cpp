#include "collector/store/mongodb_layout.h"

#include <algorithm>
#include <array>

#include "collector/store/mongodb_error.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

// Options that make an index hold or tell apart less than ours.
constexpr std::array kLooseOptions{"partialFilterExpression", "sparse", "hidden", "collation",
                                   "expireAfterSeconds"};

bool is_indexable(std::string_view field) {
  return !field.empty() && field.front() != '$' && field.find('.') == std::string_view::npos &&
         field.find('\0') == std::string_view::npos;
}

bool has_fields(const bson_t* pattern, const std::vector<std::string>& fields) {
  bson_iter_t at;
  if (!bson_iter_init(&at, pattern)) return false;
  for (const auto& field : fields) {
    if (!bson_iter_next(&at) || name_of(at) != field) return false;
    if (!BSON_ITER_HOLDS_NUMBER(&at) || bson_iter_as_double(&at) < 0) return false;
  }
  return !bson_iter_next(&at);
}

// True, or a number other than 0.
bool is_set(const bson_t* specification, const char* option) {
  bson_iter_t at;
  if (!bson_iter_init_find(&at, specification, option)) return false;
  if (BSON_ITER_HOLDS_DOCUMENT(&at) || BSON_ITER_HOLDS_INT(&at)) return true;
  return bson_iter_as_bool(&at);
}

bool serves(const bson_t* specification, const MongodbIndex& wanted) {
  if (wanted.unique && !is_set(specification, "unique")) return false;
  return std::ranges::none_of(kLooseOptions,
                              [&](const char* option) { return is_set(specification, option); });
}

std::string text_member(const bson_t* document, const char* name) {
  bson_iter_t at;
  if (!bson_iter_init_find(&at, document, name)) return {};
  return std::string(text_of(at));
}

// The document that is a member; false when it is none. Valid as long as `outer`.
bool member_document(const bson_t* outer, const char* name, bson_t* member) {
  bson_iter_t at;
  if (!bson_iter_init_find(&at, outer, name) || !BSON_ITER_HOLDS_DOCUMENT(&at)) return false;
  std::uint32_t size = 0;
  const std::uint8_t* bytes = nullptr;
  bson_iter_document(&at, &size, &bytes);
  return bson_init_static(member, bytes, size);
}

// Calls `use` with each document of a reply's first batch, which has 101 of them or all: more than
// a collection can have indexes.
template <class Use>
Result<void> for_first_batch(const bson_t* reply, Use use) {
  bson_iter_t top;
  bson_iter_t batch;
  bson_iter_t at;
  if (!bson_iter_init(&top, reply) ||
      !bson_iter_find_descendant(&top, "cursor.firstBatch", &batch) ||
      !bson_iter_recurse(&batch, &at)) {
    return {};
  }
  while (bson_iter_next(&at)) {
    std::uint32_t size = 0;
    const std::uint8_t* bytes = nullptr;
    bson_t document;
    if (!BSON_ITER_HOLDS_DOCUMENT(&at)) continue;
    bson_iter_document(&at, &size, &bytes);
    if (bson_init_static(&document, bytes, size)) TRIBUTARY_TRY(use(&document));
  }
  return {};
}

std::unexpected<Error> refuse(const MongodbTarget& target, std::string_view why) {
  return fail(errc::unavailable, "MongoDB " + target.where + ", collection " + target.collection +
                                     " " + std::string(why));
}

}  // namespace

std::string MongodbIndex::text() const {
  std::string text = "{";
  for (const auto& field : fields) {
    text += (text.size() == 1 ? "\"" : ", \"") + field + "\": 1";
  }
  return text + (unique ? "}, unique" : "}");
}

bool MongodbLayout::Found::complete() const {
  return collection && std::ranges::none_of(names, [](const auto& name) { return name.empty(); });
}

Result<MongodbLayout> MongodbLayout::of(const Schema& schema) {
  MongodbLayout layout;
  const std::vector<std::string> time{schema.time(), schema.time() + "_ns"};
  MongodbIndex key{.name = "tributary_key", .fields = {}, .unique = true};
  layout.order_ = time;
  for (const auto& field : schema.key()) {
    if (field == schema.time()) {
      key.fields.insert(key.fields.end(), time.begin(), time.end());
    } else {
      key.fields.push_back(field);
      layout.order_.push_back(field);
    }
  }
  layout.indexes_.push_back(std::move(key));
  layout.indexes_.push_back({.name = "tributary_time", .fields = layout.order_});
  std::vector<std::string> of_series;
  if (const auto& series = schema.series(); !series.empty()) {
    MongodbIndex index{.name = "tributary_series", .fields = {series}};
    std::ranges::copy_if(layout.order_, std::back_inserter(index.fields),
                         [&](const auto& field) { return field != series; });
    of_series = index.fields;
    layout.indexes_.push_back(std::move(index));
  }
  for (auto at = layout.indexes_.begin(); at != layout.indexes_.end();) {
    const bool repeated = std::any_of(
        layout.indexes_.begin(), at, [&](const auto& other) { return other.fields == at->fields; });
    at = repeated ? layout.indexes_.erase(at) : at + 1;
  }
  if (!of_series.empty() && schema.series() != schema.time()) {
    const auto found = std::ranges::find(layout.indexes_, of_series, &MongodbIndex::fields);
    layout.series_index_ = static_cast<std::size_t>(found - layout.indexes_.begin());
  }
  for (const auto& index : layout.indexes_) {
    for (const auto& field : index.fields) {
      if (is_indexable(field)) continue;
      return fail(errc::invalid_argument,
                  "schema " + schema.name() + ": MongoDB can't index a field named \"" + field +
                      "\" (no dots, no $ in front): use another store, or another name");
    }
  }
  return layout;
}

bool MongodbLayout::is_key_pattern(const bson_t* pattern) const {
  return has_fields(pattern, indexes_.front().fields);
}

Result<MongodbLayout::Found> MongodbLayout::inspect(const MongodbClient& client,
                                                    const MongodbTarget& target) const {
  Found found;
  found.names.resize(indexes_.size());
  TRIBUTARY_ASSIGN(found.collection, check_collection(client, target));
  if (!found.collection) return found;
  Bson command;
  append_text(command.get(), "listIndexes", target.collection);
  append_bool(command.get(), "includeBuildUUIDs", true);
  Bson reply;
  bson_error_t why{};
  if (!mongoc_client_command_simple(client.get(), target.database.c_str(), command.get(), nullptr,
                                    reply.replaced(), &why)) {
    return std::unexpected(target.error("list the indexes", why));
  }
  // One that is still being built stands in a member `spec`: it doesn't hold yet, and counts as
  // missing. To create it again waits for its end.
  TRIBUTARY_TRY(for_first_batch(reply.get(), [&](const bson_t* specification) -> Result<void> {
    if (bson_has_field(specification, "spec")) return {};
    return note(specification, target, found);
  }));
  return found;
}

// Whether there is a collection.
Result<bool> MongodbLayout::check_collection(const MongodbClient& client,
                                             const MongodbTarget& target) const {
  Bson command;
  append_integer(command.get(), "listCollections", 1);
  {
    BsonObject filter(command.get(), "filter");
    append_text(filter.get(), "name", target.collection);
  }
  Bson reply;
  bson_error_t why{};
  if (!mongoc_client_command_simple(client.get(), target.database.c_str(), command.get(), nullptr,
                                    reply.replaced(), &why)) {
    return std::unexpected(target.error("look for the collection", why));
  }
  bool there = false;
  TRIBUTARY_TRY(for_first_batch(reply.get(), [&](const bson_t* collection) -> Result<void> {
    there = true;
    constexpr std::string_view kAnother = ": name another collection, or drop this one";
    const auto type = text_member(collection, "type");
    if (type != "collection") {
      return refuse(target, "is a " + type + ", which can't hold one event for each key" +
                                std::string(kAnother));
    }
    bson_t options;
    if (!member_document(collection, "options", &options)) return {};
    if (is_set(&options, "capped")) {
      return refuse(target, "is capped: it would drop events" + std::string(kAnother));
    }
    if (is_set(&options, "collation")) {
      return refuse(
          target, "has a collation, by which different keys can be equal" + std::string(kAnother));
    }
    return {};
  }));
  return there;
}

Result<void> MongodbLayout::note(const bson_t* specification, const MongodbTarget& target,
                                 Found& found) const {
  const auto name = text_member(specification, "name");
  bson_t pattern;
  if (!member_document(specification, "key", &pattern)) return {};
  for (std::size_t i = 0; i < indexes_.size(); ++i) {
    const auto& wanted = indexes_[i];
    const bool same_fields = has_fields(&pattern, wanted.fields);
    if (same_fields && serves(specification, wanted)) {
      found.names[i] = name;
    } else if (same_fields || name == wanted.name) {
      return refuse(target, "has the index " + to_text(specification) + ", and needs " +
                                wanted.text() + " in its place: drop it (db." + target.collection +
                                ".dropIndex(\"" + name + "\")), and the right one is made");
    }
  }
  if (is_set(specification, "unique") && is_part_of_key(&pattern)) {
    return refuse(target, "has the index " + to_text(specification) +
                              ", which takes different keys for the same: drop it (db." +
                              target.collection + ".dropIndex(\"" + name + "\"))");
  }
  return {};
}

// Some of the key's fields, and no others.
bool MongodbLayout::is_part_of_key(const bson_t* pattern) const {
  const auto& key = indexes_.front().fields;
  std::size_t fields = 0;
  bson_iter_t at;
  if (!bson_iter_init(&at, pattern)) return false;
  for (; bson_iter_next(&at); ++fields) {
    if (std::ranges::find(key, std::string_view(bson_iter_key(&at))) == key.end()) return false;
  }
  return fields > 0 && fields < key.size();
}

Result<MongodbLayout::Found> MongodbLayout::prepare(const MongodbClient& client,
                                                    const MongodbTarget& target) const {
  TRIBUTARY_ASSIGN(auto found, inspect(client, target));
  if (found.complete()) return found;
  TRIBUTARY_TRY(create(client, target, found));
  return inspect(client, target);
}

Result<void> MongodbLayout::create(const MongodbClient& client, const MongodbTarget& target,
                                   const Found& found) const {
  Bson command;
  append_text(command.get(), "createIndexes", target.collection);
  {
    BsonArray array(command.get(), "indexes");
    for (std::size_t i = 0; i < indexes_.size(); ++i) {
      if (!found.names[i].empty()) continue;
      BsonObject index(array.get(), array.next());
      {
        BsonObject fields(index.get(), "key");
        for (const auto& field : indexes_[i].fields) append_integer(fields.get(), field, 1);
      }
      append_text(index.get(), "name", indexes_[i].name);
      append_bool(index.get(), "unique", indexes_[i].unique);
      BsonObject collation(index.get(), "collation");
      append_text(collation.get(), "locale", "simple");
    }
  }
  Bson options;
  mongoc_write_concern_append(
      const_cast<mongoc_write_concern_t*>(mongoc_uri_get_write_concern(target.uri.get())),
      options.get());
  Bson reply;
  bson_error_t why{};
  if (mongoc_client_write_command_with_opts(client.get(), target.database.c_str(), command.get(),
                                            options.get(), reply.replaced(), &why)) {
    log_info("store", "made the indexes that were missing",
             {{"database", target.where}, {"collection", target.collection}});
    return {};
  }
  if (why.domain == MONGOC_ERROR_SERVER && why.code == kDuplicateKey) {
    return refuse(target, "has several documents with one key, so that the unique index " +
                              indexes_.front().text() +
                              " can't be made: delete all but one of them (" + why.message + ")");
  }
  return std::unexpected(target.error("make the indexes", why));
}

}  // namespace tributary::collector
