#pragma once

#include <mongoc/mongoc.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/mutex.h"
#include "shared/base/result.h"

namespace tributary::collector {

// Gives what libmongoc made back to it.
struct MongodbDestroy {
  void operator()(mongoc_uri_t* uri) const { mongoc_uri_destroy(uri); }
  void operator()(mongoc_client_pool_t* pool) const { mongoc_client_pool_destroy(pool); }
  void operator()(mongoc_collection_t* collection) const { mongoc_collection_destroy(collection); }
  void operator()(mongoc_bulk_operation_t* bulk) const { mongoc_bulk_operation_destroy(bulk); }
  void operator()(mongoc_cursor_t* cursor) const { mongoc_cursor_destroy(cursor); }
  void operator()(mongoc_read_prefs_t* preferences) const {
    mongoc_read_prefs_destroy(preferences);
  }
  void operator()(mongoc_write_concern_t* concern) const { mongoc_write_concern_destroy(concern); }
  void operator()(mongoc_apm_callbacks_t* callbacks) const {
    mongoc_apm_callbacks_destroy(callbacks);
  }
};
template <class T>
using Mongodb = std::unique_ptr<T, MongodbDestroy>;

// One collection, and how it is reached. Immutable; any thread.
struct MongodbTarget {
  Mongodb<mongoc_uri_t> uri;  // with all the options that were left open; holds the password
  std::string database;
  std::string collection;
  std::string user;
  std::string where;    // "sensor_db on 127.0.0.1:27017", without user and password
  std::string warning;  // what its options give up, or empty

  // errc::invalid_argument as open_mongodb_store() says. Options that the URI leaves open: writes
  // are acknowledged by a majority that has them in its journals, and nothing is waited for longer
  // than a few seconds.
  static Result<MongodbTarget> of(const std::string& uri, const std::string& user,
                                  const std::string& password, std::string_view collection);

  // errc::unavailable, or errc::timed_out for a time limit of our own: what was being done, where,
  // and why it failed.
  [[nodiscard]] Error error(std::string_view doing, const bson_error_t& why) const;
};

class MongodbClients;

// A client of the pool, for one thread at a time, given back at the end.
class MongodbClient {
 public:
  MongodbClient(mongoc_client_pool_t* pool, mongoc_client_t* client)
      : client_(client, GiveBack{pool}) {}

  [[nodiscard]] mongoc_client_t* get() const { return client_.get(); }
  [[nodiscard]] Mongodb<mongoc_collection_t> collection(const MongodbTarget& target) const {
    return Mongodb<mongoc_collection_t>(mongoc_client_get_collection(
        client_.get(), target.database.c_str(), target.collection.c_str()));
  }

 private:
  struct GiveBack {
    mongoc_client_pool_t* pool;
    void operator()(mongoc_client_t* client) const { mongoc_client_pool_push(pool, client); }
  };
  std::unique_ptr<mongoc_client_t, GiveBack> client_;
};

// Connections to one MongoDB, and whether it can be reached. Any thread.
class MongodbClients {
 public:
  struct Limits {
    std::uint32_t clients;  // at most
    std::int32_t wait_ms;   // for one of them
    std::int32_t socket_timeout_ms;
  };
  // What the URI says of these goes first. `target` must outlive this.
  static Result<std::unique_ptr<MongodbClients>> open(const MongodbTarget& target,
                                                      const Limits& limits);
  MongodbClients(const MongodbClients&) = delete;
  MongodbClients& operator=(const MongodbClients&) = delete;
  ~MongodbClients();

  // errc::unavailable when all are in use. Doesn't connect yet, but begins to watch the servers.
  Result<MongodbClient> take();
  // Nothing when all are in use now.
  std::optional<MongodbClient> try_take();

  // Why no primary can be reached, as far as the watch over the servers knows; empty when one can.
  [[nodiscard]] std::string problem() const;

 private:
  explicit MongodbClients(const MongodbTarget& target) : target_(target) {}
  bool start(const Limits& limits, bson_error_t* error);
  static void topology_changed(const mongoc_apm_topology_changed_t* event);
  static void heartbeat_failed(const mongoc_apm_server_heartbeat_failed_t* event);

  const MongodbTarget& target_;
  mutable Mutex mutex_;
  bool reachable_ TRIBUTARY_GUARDED_BY(mutex_) = false;
  std::string last_failure_ TRIBUTARY_GUARDED_BY(mutex_) = "no server has answered yet";
  Mongodb<mongoc_client_pool_t> pool_;  // last: its threads tell of the servers until it is gone
};

}  // namespace tributary::collector
