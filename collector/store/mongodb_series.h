#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "collector/store/mongodb_layout.h"
#include "collector/store/mongodb_read.h"
#include "shared/base/mutex.h"

namespace tributary::collector {

// Where pages of series ended before: another one, of as many series, is looked for up to the end
// of the nearest of them first. The server, stepping from one series to the next, goes on far
// behind the last one that it is asked for (4 MB of them), so that a page of 100 among 10,000
// series would take as long as all of them. Only a hint: a page that isn't full there is looked for
// again. Any thread.
class SeriesFences {
 public:
  // An id that at least `size` series lie before or at, from `after` on; nothing when none is
  // known.
  std::optional<nlohmann::json> find(std::size_t size, const std::optional<nlohmann::json>& after);
  // The `size` series behind `after` end with `last`.
  void note(std::size_t size, const std::optional<nlohmann::json>& after,
            const nlohmann::json& last);

 private:
  using Page = std::pair<std::size_t, nlohmann::json>;  // `size`; `after` or null, which is first

  Mutex mutex_;
  std::map<Page, nlohmann::json> last_ TRIBUTARY_GUARDED_BY(mutex_);
};

// The series behind `after`, kPageEventsMax at most, and no more of them once their latest events
// have kPageBytesMax bytes. `index` is the one that `read` goes along: the series, then the order
// of queries. The server steps in it from one series to the next, whatever the number of their
// events. Errors as of MongodbRead::find().
Result<SeriesPage> read_series(const MongodbRead& read, const SeriesQuery& query,
                               const MongodbIndex& index,
                               const std::optional<nlohmann::json>& after, SeriesFences& fences);

}  // namespace tributary::collector
