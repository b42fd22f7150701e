#include <catch2/catch.hpp>

#include "collector/store/mongodb_store.h"
#include "tests/contract/store_contract.h"
#include "tests/support/mongodb_database.h"

namespace tributary::collector {
namespace {

class MongodbStorePlace final : public StorePlace {
 public:
  std::unique_ptr<Store> open(const Schema& schema) override {
    auto store = open_mongodb_store({.uri = database_.uri(), .user = {}, .password = {}}, schema);
    if (!store) FAIL(store.error().message());
    return std::move(*store);
  }

 private:
  MongodbDatabase database_;
};

}  // namespace

std::unique_ptr<StorePlace> make_store_place() { return std::make_unique<MongodbStorePlace>(); }

}  // namespace tributary::collector
