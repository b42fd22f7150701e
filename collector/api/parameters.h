#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/api/format.h"
#include "collector/store/store.h"
#include "shared/event/schema.h"
#include "shared/http/server.h"

namespace tributary::collector {

// What a field whose name is also that of a parameter is called: where.limit.
inline constexpr std::string_view kFieldPrefix = "where.";

// The parameters of a query: those that the call knows, each at most once, and the rest, which are
// filters by a field. Readers return what is meant when a parameter is missing, and keep every
// mistake: mistakes() has them all, to be answered at once.
class Parameters {
 public:
  // `request`, `schema` and `names` must outlive this.
  Parameters(const HttpRequest& request, const Schema& schema,
             std::span<const std::string_view> names);

  [[nodiscard]] std::optional<std::string_view> value(std::string_view name) const;
  // "name=value: why"
  void refuse(std::string_view name, std::string_view why);

  [[nodiscard]] const std::vector<Filter>& filters() const { return filters_; }
  // For a call that has no filters.
  void refuse_filters();

  // `format`, else what Accept says; nothing: a 406 is due.
  std::optional<Format> format();
  // From 1. Of JSON at most kPageEventsMax, and `absent` when none is given; of the others none.
  std::optional<std::uint64_t> limit(Format format, std::uint64_t absent);
  bool descending();
  std::optional<Timestamp> time(std::string_view name);
  bool flag(std::string_view name);

  // Empty: none.
  [[nodiscard]] const std::string& mistakes() const { return mistakes_; }

 private:
  void note(std::string_view mistake);
  void sort_in(const std::string& name, const std::string& value, const Schema& schema,
               std::span<const std::string_view> names);

  const HttpRequest& request_;
  std::map<std::string_view, std::string_view> values_;
  std::vector<Filter> filters_;
  std::string mistakes_;
};

// "2026-01-21T10:00:00Z"; the + of an offset that nobody escaped arrives as a space, and is meant.
std::string with_plus(std::string_view time);

}  // namespace tributary::collector
