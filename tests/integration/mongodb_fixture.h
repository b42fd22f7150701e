#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "collector/store/mongodb_store.h"
#include "tests/support/mongodb_database.h"

namespace tributary::collector {

// Telemetry in a database of its own, and the store of it.
struct MongodbFixture {
  MongodbDatabase database;
  Schema schema;
  std::unique_ptr<Store> store;

  MongodbFixture();
  void open(std::string_view options = "");
  // As far as the test cares: the options of the collection `events`, before the store sees it.
  void create(std::string_view options);
  void create_index(std::string_view specification);
  // Why health() says that it is down; fails the test when it isn't.
  std::string problem() const;
};

}  // namespace tributary::collector
