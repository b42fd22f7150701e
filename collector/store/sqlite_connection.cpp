#include "collector/store/sqlite_connection.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <utility>

#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

constexpr int kPrimaryCode = 0xff;  // sqlite.org/rescode.html: the low byte of an extended code

int open_flags(SqliteConnection::Mode mode) {
  constexpr int kAlways = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (mode) {
    case SqliteConnection::Mode::create:
      return kAlways | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    case SqliteConnection::Mode::write:
      return kAlways | SQLITE_OPEN_READWRITE;
    case SqliteConnection::Mode::read:
      break;
  }
  return kAlways | SQLITE_OPEN_READONLY;
}

}  // namespace

SqliteStatement::SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}
SqliteStatement::SqliteStatement(SqliteStatement&&) noexcept = default;
SqliteStatement& SqliteStatement::operator=(SqliteStatement&&) noexcept = default;
SqliteStatement::~SqliteStatement() = default;

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void SqliteStatement::note(int code) {
  if (code != SQLITE_OK) bind_error_ = code;
}

void SqliteStatement::bind_null(int parameter) {
  note(sqlite3_bind_null(statement_.get(), parameter));
}

void SqliteStatement::bind_integer(int parameter, std::int64_t value) {
  note(sqlite3_bind_int64(statement_.get(), parameter, value));
}

void SqliteStatement::bind_real(int parameter, double value) {
  note(sqlite3_bind_double(statement_.get(), parameter, value));
}

void SqliteStatement::bind_text(int parameter, std::string_view value) {
  if (value.data() == nullptr) value = "";
  note(sqlite3_bind_text64(statement_.get(), parameter, value.data(), value.size(), SQLITE_STATIC,
                           SQLITE_UTF8));
}

void SqliteStatement::bind_blob(int parameter, std::string_view value) {
  if (value.data() == nullptr) value = "";
  note(sqlite3_bind_blob64(statement_.get(), parameter, value.data(), value.size(), SQLITE_STATIC));
}

int SqliteStatement::step() {
  if (const int code = std::exchange(bind_error_, SQLITE_OK); code != SQLITE_OK) return code;
  return sqlite3_step(statement_.get());
}

void SqliteStatement::reset() {
  bind_error_ = SQLITE_OK;
  sqlite3_reset(statement_.get());  // repeats the code that step() returned
}

bool SqliteStatement::column_is_null(int column) const {
  return column_type(column) == SQLITE_NULL;
}

int SqliteStatement::column_type(int column) const {
  return sqlite3_column_type(statement_.get(), column);
}

double SqliteStatement::column_real(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

std::int64_t SqliteStatement::column_integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view SqliteStatement::column_text(int column) const {
  const auto* text = sqlite3_column_text(statement_.get(), column);
  const auto size = sqlite3_column_bytes(statement_.get(), column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

std::string_view SqliteStatement::column_blob(int column) const {
  const auto* bytes = sqlite3_column_blob(statement_.get(), column);
  const auto size = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::optional<FileIdentity> FileIdentity::of(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{.device = status.st_dev, .inode = status.st_ino};
}

SqliteConnection::SqliteConnection(std::filesystem::path file, sqlite3* handle)
    : file_(std::move(file)), handle_(handle) {}

void SqliteConnection::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Result<SqliteConnection> SqliteConnection::open(const std::filesystem::path& file, Mode mode,
                                                int busy_timeout_ms) {
  if (mode != Mode::create && !FileIdentity::of(file)) {
    return fail(errc::not_found,
                file.string() +
                    " is gone: put it back, or restart the collector to begin with "
                    "an empty store");
  }
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &handle, open_flags(mode), nullptr);
  SqliteConnection connection(file, handle);
  if (code != SQLITE_OK) return std::unexpected(connection.error(code, "open the file"));
  connection.identity_ = FileIdentity::of(file);
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  // The first read finds out whether it is a database at all.
  TRIBUTARY_TRY(connection.integer("PRAGMA schema_version"));
  return connection;
}

Result<void> SqliteConnection::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(error(code, sql));
  return {};
}

void SqliteConnection::roll_back() {
  if (!in_transaction()) return;
  if (const auto done = execute("ROLLBACK"); !done) {
    log_warning("store", "a transaction was not rolled back", {{"error", done.error().message()}});
  }
}

bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

Result<SqliteStatement> SqliteConnection::prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return std::unexpected(error(code, sql));
  return SqliteStatement(statement);
}

Result<std::int64_t> SqliteConnection::integer(const std::string& sql) {
  TRIBUTARY_ASSIGN(auto statement, prepare(sql));
  const int code = statement.step();
  if (code == SQLITE_DONE) return fail(errc::not_found, file_.string() + ": no row for " + sql);
  if (code != SQLITE_ROW) return std::unexpected(error(code, sql));
  return statement.column_integer(0);
}

Result<std::string> SqliteConnection::text(const std::string& sql) {
  TRIBUTARY_ASSIGN(auto statement, prepare(sql));
  const int code = statement.step();
  if (code == SQLITE_DONE) return fail(errc::not_found, file_.string() + ": no row for " + sql);
  if (code != SQLITE_ROW) return std::unexpected(error(code, sql));
  return std::string(statement.column_text(0));
}

Error SqliteConnection::error(int code, std::string_view doing) const {
  const int primary = code & kPrimaryCode;
  const bool damaged = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
  std::string words = "SQLite file " + file_.string() + ": ";
  words += handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  const int system_code = handle_ ? sqlite3_system_errno(handle_.get()) : 0;
  if (system_code != 0 && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)) {
    words += " (" + std::generic_category().message(system_code) + ")";
  }
  words.append(", on: ").append(doing);
  if (damaged) return {errc::corrupt, std::move(words)};
  // A statement that doesn't fit the tables: no time mends it.
  if (primary == SQLITE_ERROR) return {errc::unsupported, std::move(words)};
  return {errc::unavailable, std::move(words)};
}

Result<void> SqliteConnection::still_there() const {
  const auto found = FileIdentity::of(file_);
  if (found && found == identity_) return {};
  return fail(errc::unavailable, file_.string() + " was " +
                                     (found ? "replaced" : "moved or deleted") +
                                     " while it was in use");
}

}  // namespace tributary::collector
