#pragma once

#include "collector/store/store.h"

namespace tributary::collector {

// The places that a query asks for: those between two others, both excluded. No key is empty, so a
// time with an empty key lies before all events of that time.
struct PlaceRange {
  Keyset lower;
  Keyset upper;

  static PlaceRange all();
  // Of the query's start, end and cursor, and of a filter by the time.
  static PlaceRange of(const Query& query, const Schema& schema);

  [[nodiscard]] bool empty() const { return !(lower < upper); }
  [[nodiscard]] bool contains(const Keyset& place) const { return lower < place && place < upper; }
};

}  // namespace tributary::collector
