#include "collector/store/sqlite_reader.h"

#include <nlohmann/json.hpp>

#include "collector/store/page_builder.h"
#include "shared/base/hexadecimal.h"

namespace tributary::collector {
namespace {

using nlohmann::json;

int column(SqliteParameter parameter) { return static_cast<int>(parameter) - 1; }

json meta_of(const SqliteStatement& row) {
  using enum SqliteParameter;
  json meta{{"hash", hexadecimal(row.column_blob(column(hash)))}};
  const auto add_text = [&](const char* name, SqliteParameter from) {
    if (!row.column_is_null(column(from))) meta[name] = row.column_text(column(from));
  };
  add_text("received_at", received_at);
  add_text("source", source);
  add_text("schema", schema);
  add_text("edge", edge);
  if (!row.column_is_null(column(log))) meta["log"] = hexadecimal(row.column_blob(column(log)));
  if (!row.column_is_null(column(sequence))) {
    meta["sequence"] = row.column_integer(column(sequence));
  }
  add_text("replayed", replayed);
  return meta;
}

}  // namespace

Result<SqliteStatement*> SqliteReader::statement(const std::string& sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return &found->second;
  TRIBUTARY_ASSIGN(auto prepared, connection_.prepare(sql));
  return &statements_.emplace(sql, std::move(prepared)).first->second;
}

Error SqliteReader::error(int code, std::string_view doing) const {
  return {errc::unavailable, connection_.error(code, doing).message()};
}

Result<SqliteSnapshot> SqliteSnapshot::take(SqliteReader& reader) {
  TRIBUTARY_TRY(reader.connection().execute("BEGIN"));
  return SqliteSnapshot(&reader);
}

SqliteSnapshot::SqliteSnapshot(SqliteSnapshot&& other) noexcept
    : reader_(std::exchange(other.reader_, nullptr)) {}

SqliteSnapshot::~SqliteSnapshot() {
  if (reader_ != nullptr) reader_->connection().roll_back();
}

Result<void> SqliteSnapshot::renew() {
  TRIBUTARY_TRY(reader_->connection().execute("COMMIT"));
  return reader_->connection().execute("BEGIN");
}

Result<void> SqlitePace::next_snapshot() {
  rows_ = 0;
  if (std::chrono::steady_clock::now() <= deadline_) return {};
  return fail(errc::timed_out, "the query took longer than " + std::to_string(time_.count()) +
                                   " ms: narrow it with start and end, or by its series");
}

std::string_view text_of(const SqliteStatement& row) {
  return row.column_text(column(SqliteParameter::event));
}

std::string event_of(const SqliteStatement& row, bool meta) {
  std::string event(text_of(row));
  return meta ? with_meta(std::move(event), meta_of(row)) : event;
}

}  // namespace tributary::collector
