#pragma once

#include <span>
#include <vector>

#include "collector/outcome.h"
#include "collector/store/sqlite_layout.h"
#include "collector/store/sqlite_rollup.h"
#include "shared/event/event.h"

namespace tributary::collector {

// The connection that writes, with its prepared statements. One thread. After a failure that is
// more than a lock of another's, make a new one: a connection that met a bad disk or a file that
// went away is not to be trusted.
class SqliteWriter {
 public:
  // The file gets the layout when it is opened (SqliteLayout::prepare). `layout` and `schema` must
  // outlive this.
  static Result<SqliteWriter> open(const std::filesystem::path& file, SqliteConnection::Mode mode,
                                   int busy_timeout_ms, const SqliteLayout& layout,
                                   const Schema& schema);

  // One transaction; what comes back is durable, none is `retry`. On an error nothing was written,
  // or (the file went away meanwhile) nothing that anybody will find.
  Result<std::vector<Outcome>> write(std::span<const Event> events);

  // That the file and its log (-wal) are still where SQLite writes to.
  [[nodiscard]] Result<void> still_there() const;
  // Moves what is in the log into the file that is open, wherever it is now. Until this worked, no
  // other file may be opened under the same name: SQLite would take this log for that file's.
  Result<void> empty_log();

 private:
  SqliteWriter(SqliteConnection connection, SqliteStatement insert, SqliteStatement lookup,
               SqliteRollups rollups, const SqliteLayout& layout, const Schema& schema);

  Result<std::vector<Outcome>> write_all(std::span<const Event> events);

  Result<Outcome> write_event(const Event& event);
  Result<Outcome> compare_stored(const Event& event);
  void bind_event(const Event& event);

  SqliteConnection connection_;
  SqliteStatement insert_;
  SqliteStatement lookup_;
  SqliteRollups rollups_;
  const SqliteLayout* layout_;
  const Schema* schema_;
  std::optional<FileIdentity> log_;  // the -wal file
  std::string received_at_;          // bound, so it lives here
};

}  // namespace tributary::collector
