#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tributary::collector {

// One prepared statement, for the thread that uses its connection, and not longer than that lives.
// Parameters count from 1, columns from 0.
class SqliteStatement {
 public:
  explicit SqliteStatement(sqlite3_stmt* statement);
  SqliteStatement(SqliteStatement&&) noexcept;
  SqliteStatement& operator=(SqliteStatement&&) noexcept;
  ~SqliteStatement();

  // Texts and blobs are not copied: they must live until the parameter is bound again or reset() is
  // called. What can't be bound fails the next step().
  void bind_null(int parameter);
  void bind_integer(int parameter, std::int64_t value);
  void bind_real(int parameter, double value);
  void bind_text(int parameter, std::string_view value);
  void bind_blob(int parameter, std::string_view value);

  // SQLITE_ROW, SQLITE_DONE, or an extended error code.
  int step();
  // Ends the statement, and with it its snapshot; ready to be bound and stepped again.
  void reset();

  // Of the row that step() came to; views hold until the next step() or reset().
  [[nodiscard]] bool column_is_null(int column) const;
  [[nodiscard]] int column_type(int column) const;  // SQLITE_INTEGER, …
  [[nodiscard]] std::int64_t column_integer(int column) const;
  [[nodiscard]] double column_real(int column) const;
  [[nodiscard]] std::string_view column_text(int column) const;
  [[nodiscard]] std::string_view column_blob(int column) const;

 private:
  void note(int code);

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_error_ = 0;
};

// Ends a statement, whatever became of what it was for.
class SqliteReset {
 public:
  explicit SqliteReset(SqliteStatement* statement) : statement_(statement) {}
  SqliteReset(const SqliteReset&) = delete;
  SqliteReset& operator=(const SqliteReset&) = delete;
  ~SqliteReset() { statement_->reset(); }

 private:
  SqliteStatement* statement_;
};

// The file that a path leads to at the moment.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  auto operator<=>(const FileIdentity&) const = default;
  static std::optional<FileIdentity> of(const std::filesystem::path& path);
};

// One connection to a SQLite file, for one thread at a time.
class SqliteConnection {
 public:
  enum class Mode { create, write, read };

  // Waits up to `busy_timeout_ms` for locks of others. errc::not_found when there is no such file
  // (Mode::create makes it), errc::corrupt, errc::unavailable.
  static Result<SqliteConnection> open(const std::filesystem::path& file, Mode mode,
                                       int busy_timeout_ms);

  // One or more statements without results.
  Result<void> execute(const std::string& sql);
  // Ends the transaction, if there is one still: some failures end it by themselves.
  void roll_back();
  [[nodiscard]] bool in_transaction() const;
  Result<SqliteStatement> prepare(const std::string& sql);
  // The first column of the first row; errc::not_found without one.
  Result<std::int64_t> integer(const std::string& sql);
  Result<std::string> text(const std::string& sql);

  // The failure `code` of what the connection did last, in words: errc::corrupt, or else
  // errc::unavailable.
  [[nodiscard]] Error error(int code, std::string_view doing) const;

  // Fails when the path leads to another file than the one that is open, or to none: SQLite would
  // go on writing into a file that nobody will ever read.
  [[nodiscard]] Result<void> still_there() const;

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  SqliteConnection(std::filesystem::path file, sqlite3* handle);

  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> handle_;
  std::optional<FileIdentity> identity_;
};

}  // namespace tributary::collector
