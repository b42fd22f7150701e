#include "collector/store/sqlite_writer.h"

#include <sqlite3.h>

#include <nlohmann/json.hpp>

#include "collector/store/conflict.h"
#include "shared/base/bytes.h"

namespace tributary::collector {
namespace {

using enum Outcome::Verdict;

std::filesystem::path log_path(const std::filesystem::path& file) {
  auto path = file;
  path += "-wal";
  return path;
}

// Failures that are this one event's own, whatever the state of the database: they come back
// however often one tries.
bool is_of_the_event(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_TOOBIG || primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH;
}

void bind_text_if_known(SqliteStatement& statement, SqliteParameter parameter,
                        std::string_view text) {
  if (text.empty()) return statement.bind_null(static_cast<int>(parameter));
  statement.bind_text(static_cast<int>(parameter), text);
}

}  // namespace

SqliteWriter::SqliteWriter(SqliteConnection connection, SqliteStatement insert,
                           SqliteStatement lookup, SqliteRollups rollups,
                           const SqliteLayout& layout, const Schema& schema)
    : connection_(std::move(connection)),
      insert_(std::move(insert)),
      lookup_(std::move(lookup)),
      rollups_(std::move(rollups)),
      layout_(&layout),
      schema_(&schema),
      log_(FileIdentity::of(log_path(connection_.file()))) {}

Result<SqliteWriter> SqliteWriter::open(const std::filesystem::path& file,
                                        SqliteConnection::Mode mode, int busy_timeout_ms,
                                        const SqliteLayout& layout, const Schema& schema) {
  TRIBUTARY_ASSIGN(auto connection, SqliteConnection::open(file, mode, busy_timeout_ms));
  TRIBUTARY_TRY(layout.prepare(connection));
  // Fewer, larger checkpoints than the default of 1,000 pages: each one syncs the whole file.
  TRIBUTARY_TRY(
      connection.execute("PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; "
                         "PRAGMA cache_size = -16384"));
  TRIBUTARY_ASSIGN(auto insert, connection.prepare(layout.insert_sql()));
  TRIBUTARY_ASSIGN(auto lookup, connection.prepare(layout.lookup_sql()));
  TRIBUTARY_ASSIGN(auto rollups, SqliteRollups::open(connection, layout));
  return SqliteWriter(std::move(connection), std::move(insert), std::move(lookup),
                      std::move(rollups), layout, schema);
}

Result<std::vector<Outcome>> SqliteWriter::write(std::span<const Event> events) {
  TRIBUTARY_TRY(still_there());
  TRIBUTARY_TRY(connection_.execute("BEGIN IMMEDIATE"));
  auto outcomes = write_all(events);
  if (!outcomes) {
    connection_.roll_back();
    rollups_.discard();
    return outcomes;
  }
  // Between the first look and the commit it may have gone away.
  TRIBUTARY_TRY(still_there());
  return outcomes;
}

// In the transaction that is open, which it ends unless it fails.
Result<std::vector<Outcome>> SqliteWriter::write_all(std::span<const Event> events) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(events.size());
  for (const auto& event : events) {
    TRIBUTARY_ASSIGN(auto outcome, write_event(event));
    if (outcome.verdict == stored) {
      TRIBUTARY_TRY(rollups_.add(connection_, event.time, event.json));
      if (rollups_.full()) TRIBUTARY_TRY(rollups_.flush(connection_, PlaceRange::all().upper));
    }
    outcomes.push_back(std::move(outcome));
  }
  TRIBUTARY_TRY(rollups_.flush(connection_, PlaceRange::all().upper));
  TRIBUTARY_TRY(connection_.execute("COMMIT"));
  return outcomes;
}

Result<Outcome> SqliteWriter::write_event(const Event& event) {
  bind_event(event);
  const int code = insert_.step();
  if (code == SQLITE_DONE) {
    const bool inserted = sqlite3_changes(connection_.handle()) > 0;
    insert_.reset();
    if (inserted) return Outcome{.verdict = stored, .detail = {}};
    return compare_stored(event);
  }
  auto error = connection_.error(code, "store an event");
  insert_.reset();
  // Some failures end the transaction: then the others are not written either.
  if (is_of_the_event(code) && connection_.in_transaction()) {
    return Outcome{.verdict = rejected, .detail = error.message()};
  }
  return std::unexpected(std::move(error));
}

Result<Outcome> SqliteWriter::compare_stored(const Event& event) {
  lookup_.bind_blob(1, event.key);
  const int code = lookup_.step();
  if (code != SQLITE_ROW) {
    auto error = connection_.error(code, "look up an event's key");
    lookup_.reset();
    return std::unexpected(std::move(error));
  }
  Outcome outcome{.verdict = duplicate, .detail = {}};
  if (lookup_.column_blob(0) != as_text(event.hash)) {
    outcome = conflict_with(event, *schema_, lookup_.column_text(1));
  }
  lookup_.reset();
  return outcome;
}

void SqliteWriter::bind_event(const Event& from) {
  using enum SqliteParameter;
  const auto at = [](SqliteParameter parameter) { return static_cast<int>(parameter); };
  const auto& origin = from.origin;
  insert_.bind_blob(at(key), from.key);
  insert_.bind_integer(at(time_seconds), from.time.seconds);
  insert_.bind_integer(at(time_nanoseconds), from.time.nanoseconds);
  insert_.bind_blob(at(hash), as_text(from.hash));
  received_at_.clear();
  if (origin.received_at != Timestamp{}) origin.received_at.append_text(received_at_);
  bind_text_if_known(insert_, received_at, received_at_);
  bind_text_if_known(insert_, source, origin.source);
  bind_text_if_known(insert_, schema, origin.schema);
  bind_text_if_known(insert_, edge, origin.edge);
  if (origin.log == Id{}) {
    insert_.bind_null(at(log));
  } else {
    insert_.bind_blob(at(log), as_text(origin.log.bytes));
  }
  if (origin.sequence == Sequence{}) {
    insert_.bind_null(at(sequence));
  } else {
    insert_.bind_integer(at(sequence), static_cast<std::int64_t>(origin.sequence.value));
  }
  insert_.bind_text(at(event), from.json);
  bind_text_if_known(insert_, replayed, origin.replayed);
  int parameter = at(first_field);
  for (const auto& field : layout_->fields()) {
    const auto member = from.document->find(field.name);
    bind_field(insert_, parameter++, member == from.document->end() ? nullptr : &*member);
  }
}

Result<void> SqliteWriter::still_there() const {
  TRIBUTARY_TRY(connection_.still_there());
  const auto path = log_path(connection_.file());
  if (FileIdentity::of(path) == log_) return {};
  return fail(errc::unavailable, path.string() + " was moved, deleted or replaced while in use");
}

Result<void> SqliteWriter::empty_log() {
  TRIBUTARY_ASSIGN(const auto busy, connection_.integer("PRAGMA wal_checkpoint(TRUNCATE)"));
  if (busy != 0) return fail(errc::unavailable, "a query still reads the log");
  return {};
}

}  // namespace tributary::collector
