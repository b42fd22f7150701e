#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "shared/event/schema.h"

namespace tributary::collector {

// The column for members that have none of their own: a JSON object. No event has a member of this
// name.
inline constexpr const char* kMoreColumn = "_tributary_more";

// Writes JSON objects as lines of CSV (RFC 4180, with CRLF). Objects are flattened: the member
// `latitude` of `location` is the column `location.latitude`. Texts stand as they are, quoted where
// they must be (and "" where they are empty); numbers, true and false as in JSON; arrays and empty
// objects are JSON in a cell; a member that is missing or null is an empty cell.
class CsvWriter {
 public:
  // The columns that come first, whether they occur or not.
  explicit CsvWriter(std::vector<std::string> columns);

  // The first line. The columns are those given, then those that occur in `rows`, by name. When
  // there are `more` rows behind them kMoreColumn is the last, since those may have other members;
  // also when two members of one row have the same column.
  std::string header(std::span<const std::string> rows, bool more);
  // Adds the line of a row, after header().
  void append_row(const std::string& row, std::string& to);

 private:
  void add_column(const std::string& name);

  std::vector<std::string> columns_;
  std::unordered_map<std::string, std::size_t> numbers_;  // of the columns
  bool has_more_ = false;
  std::vector<std::string> cells_;  // append_row's, kept for its memory
};

// The columns of a schema's events: the series, the time, the rest of the key, then the other
// declared members by name; of a declared object its declared members.
std::vector<std::string> csv_columns(const Schema& schema);

}  // namespace tributary::collector
