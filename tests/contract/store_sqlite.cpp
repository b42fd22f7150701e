#include <catch2/catch.hpp>

#include "collector/store/sqlite_store.h"
#include "tests/contract/store_contract.h"
#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

class SqliteStorePlace final : public StorePlace {
 public:
  std::unique_ptr<Store> open(const Schema& schema) override {
    auto store = open_sqlite_store({.file = directory_.path() / "events.db"}, schema);
    if (!store) FAIL(store.error().message());
    return std::move(*store);
  }

 private:
  store_verbs::TemporaryDirectory directory_;
};

}  // namespace

std::unique_ptr<StorePlace> make_store_place() { return std::make_unique<SqliteStorePlace>(); }

}  // namespace tributary::collector
