#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/postgresql_store.h"
#include "tests/support/postgresql_database.h"

namespace tributary::collector {

// Telemetry in a database of its own, and the store of it.
struct PostgresqlFixture {
  PostgresqlDatabase database;
  Schema schema;
  std::unique_ptr<Store> store;

  PostgresqlFixture();
  void open(std::string_view options = "");
  std::size_t count(const std::string& where = "true");
  // Why health() says that it is down; fails the test when it isn't.
  std::string problem() const;
};

// The clickstream events …00 and so on, of users 0, 1, …
std::vector<Event> clicks(const Schema& schema, std::size_t count, std::string_view more = "");

}  // namespace tributary::collector
