#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "collector/api/format.h"
#include "shared/base/result.h"
#include "shared/http/server.h"

namespace tributary::collector {

// Some rows of an answer, in order; each one is a JSON object.
struct RowPage {
  std::vector<std::string> rows;
  std::optional<std::string>
      next{};  // the cursor that goes on behind them; none: these are the last
};

// Reads the next `limit` rows at most, and remembers where it is.
using ReadRows = std::function<Result<RowPage>(std::size_t limit)>;

struct RowsRequest {
  Format format = Format::json;
  std::optional<std::uint64_t> limit{};
  std::vector<std::string> columns{};  // of csv, those that are known beforehand
  bool all_columns = false;            // and there are no others
};

// Answers with rows: JSON is one page, {"data": [...], "next": cursor or null}; NDJSON and CSV are
// all rows, or `limit` of them, page after page in constant memory. What goes wrong with the first
// page is answered as a problem; a later failure breaks the body off. Worker threads only.
void answer_rows(HttpResponder responder, const RowsRequest& request, ReadRows read);

// The problem that a store's failure is.
HttpResponse store_problem(const Error& error);

}  // namespace tributary::collector
