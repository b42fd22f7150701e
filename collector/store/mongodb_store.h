#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "collector/store/store.h"

namespace tributary::collector {

struct MongodbStoreOptions {
  std::string uri;         // with a database: "mongodb://host:port/database?…"
  std::string user{};      // over those of the URI, when not empty
  std::string password{};  // never part of a message
  std::string collection = "events";
  std::chrono::milliseconds query_time{30'000};  // for one page
};

// A store that is one collection of MongoDB 5.0 or newer, on a replica set (of one member at least:
// only there is what queries and lookups read known to be durable); its documents and indexes:
// mongodb_layout.h. Opening never waits for a server, only for the DNS with mongodb+srv: while it
// is away write() gives `retry`, query() errc::unavailable, and health() says so. Several bulks are
// on their way at a time, so a write() that fails has perhaps stored some of its events.
//
// errc::invalid_argument: the URI is none, or has no database, or asks for a write that nobody
// acknowledges (w=0), which can't keep the promises. What is wrong with an existing collection (an
// index of ours with another definition) is told by health() and `retry`, as it can be mended while
// the collector runs.
Result<std::unique_ptr<Store>> open_mongodb_store(const MongodbStoreOptions& options,
                                                  const Schema& schema);

// What open_mongodb_store() would say of the URI, without opening anything. On success "database on
// host:port,…", for messages, without user and password.
Result<std::string> check_mongodb_uri(const std::string& uri);

}  // namespace tributary::collector
