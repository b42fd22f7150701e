#pragma once

#include <nlohmann/json.hpp>

#include "collector/store/sqlite_layout.h"
#include "collector/store/sqlite_reader.h"
#include "collector/store/store.h"

namespace tributary::collector {

// Store::series on a SQLite file: from series to series along the index of their column, with a few
// seeks for each, whatever it holds.
class SqliteSeriesScan {
 public:
  // Errors as of Store::series. `layout` must outlive this.
  static Result<SqliteSeriesScan> of(const SeriesQuery& query, const SqliteLayout& layout,
                                     const Schema& schema);
  Result<SeriesPage> read(SqliteReader& reader, SqlitePace pace) const;

 private:
  SqliteSeriesScan(const SeriesQuery& query, const SqliteLayout& layout);
  // The series behind `place`, which moves on to it; nothing behind the last one.
  Result<std::optional<Series>> next(SqliteReader& reader, nlohmann::json& place) const;

  const SqliteLayout* layout_;
  SeriesQuery query_;
  std::string name_;      // canonical text of the field's name
  bool texts_ = false;    // whether an id is a string
  nlohmann::json after_;  // the value in the column; null: from the first
};

}  // namespace tributary::collector
