#include "collector/store/postgresql_store.h"

#include "collector/store/postgresql_connection.h"

namespace tributary::collector {

Result<std::string> check_postgresql_uri(const std::string& uri) {
  TRIBUTARY_ASSIGN(const auto target, PostgresqlTarget::of(uri, "", "", "events"));
  return target.where;
}

}  // namespace tributary::collector
