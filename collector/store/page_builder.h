#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "collector/store/store.h"

namespace tributary::collector {

// The event with `_tributary` as its last member.
std::string with_meta(std::string event, const nlohmann::json& meta);

// A page that takes events, in order, up to its limits.
class PageBuilder {
 public:
  explicit PageBuilder(const Query& query);

  // Whether the next event belongs to the next page.
  [[nodiscard]] bool full() const {
    return page_.events.size() == limit_ || bytes_ >= kPageBytesMax;
  }
  // Whether the page is full once it has one more event, of this size.
  [[nodiscard]] bool is_last(std::size_t size) const {
    return page_.events.size() + 1 == limit_ || bytes_ + size >= kPageBytesMax;
  }
  [[nodiscard]] std::size_t limit() const { return limit_; }
  // The place may be left out unless it is_last().
  void add(std::string event, std::optional<Keyset> place);
  Page last() && { return std::move(page_); }
  Page with_next() &&;

 private:
  std::size_t limit_;
  std::size_t bytes_ = 0;
  Page page_;
  std::optional<Keyset> last_added_;
};

}  // namespace tributary::collector
