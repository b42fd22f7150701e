#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/result.h"

namespace tributary::collector {

// One table, and how its server is reached. Immutable; any thread.
struct PostgresqlTarget {
  // As libpq takes them, by keyword, with all the options that were left open; with the password.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string table;
  std::string user;   // empty: libpq chooses
  std::string where;  // "events_db on 127.0.0.1:5432", without user and password

  // errc::invalid_argument as open_postgresql_store() says.
  static Result<PostgresqlTarget> of(const std::string& uri, const std::string& user,
                                     const std::string& password, std::string_view table);
};

}  // namespace tributary::collector
