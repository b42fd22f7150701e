#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "collector/store/store.h"

namespace tributary::collector {

struct PostgresqlStoreOptions {
  std::string uri;     // with a database: "postgresql://host:port/database?…", as libpq reads it
  std::string user{};  // over those of the URI, when not empty
  std::string password{};  // never part of a message
  std::string table = "events";
  std::chrono::milliseconds write_time{20'000};  // for each step of a write
  std::chrono::milliseconds query_wait{5'000};   // for one of the few connections that read
  std::chrono::milliseconds query_time{30'000};  // for one answer
};

// A store that is one table of PostgreSQL 14 or newer; its columns and indexes:
// postgresql_layout.h. One connection writes, a few read, each made when it is needed, and again
// when it broke. It needs sessions of its own: a pooler that gives another one to each transaction
// won't do. Opening never waits for a server: while it is away write() gives `retry`, query()
// errc::unavailable, and health() says so; it looks by itself when nobody asks.
//
// A write() is one transaction: binary COPY into a temporary table, then INSERT … ON CONFLICT DO
// NOTHING, with synchronous_commit at least `on`; what was there before is compared by its hash. A
// row that the server refuses is looked for by halving the batch, each part a transaction, costs
// that row alone, and its outcome has the SQLSTATE. No text of PostgreSQL can hold a NUL: an event
// with one is rejected.
//
// errc::invalid_argument: the URI is none, has no database, or the table no name. What is wrong
// with an existing table (a column of another type, no unique index on the key) is told by health()
// and `retry`, as it can be mended while the collector runs.
Result<std::unique_ptr<Store>> open_postgresql_store(const PostgresqlStoreOptions& options,
                                                     Schema schema);

// What open_postgresql_store() would say of the URI, without opening anything. On success "database
// on host:port,…", for messages, without user and password.
Result<std::string> check_postgresql_uri(const std::string& uri);

}  // namespace tributary::collector
