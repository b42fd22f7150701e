#include <catch2/catch.hpp>

#include "collector/store/postgresql_store.h"
#include "tests/contract/store_contract.h"
#include "tests/support/postgresql_database.h"

namespace tributary::collector {
namespace {

class PostgresqlStorePlace final : public StorePlace {
 public:
  std::unique_ptr<Store> open(const Schema& schema) override {
    auto store =
        open_postgresql_store({.uri = database_.uri(), .user = {}, .password = {}}, schema);
    if (!store) FAIL(store.error().message());
    return std::move(*store);
  }
  [[nodiscard]] bool takes_nul() const override { return false; }

 private:
  PostgresqlDatabase database_;
};

}  // namespace

std::unique_ptr<StorePlace> make_store_place() { return std::make_unique<PostgresqlStorePlace>(); }

}  // namespace tributary::collector
