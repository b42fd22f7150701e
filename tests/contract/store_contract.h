#pragma once

#include <memory>

#include "collector/store/store.h"

// store_contract.cpp and store_{query,aggregate,series}_contract.cpp are what every Store must do.
// An implementation passes them by a test program of its own, made of all of them, store_verbs.cpp
// and a file that defines make_store_place().
namespace tributary::collector {

// Where one table is kept, between one opening and the next.
class StorePlace {
 public:
  virtual ~StorePlace() = default;
  // The store with all that it holds, for events of this schema; another one is made with the first
  // opening. The one that was opened before is gone by then.
  virtual std::unique_ptr<Store> open(const Schema& schema) = 0;
  // Whether strings may have a NUL in them. Where they may not, such an event is rejected.
  [[nodiscard]] virtual bool takes_nul() const { return true; }
};

// A new and empty one.
std::unique_ptr<StorePlace> make_store_place();

}  // namespace tributary::collector
