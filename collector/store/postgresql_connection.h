#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/result.h"

struct pg_conn;    // libpq's
struct pg_result;  // libpq's

namespace tributary::collector {

// Why the server, or the way to it, didn't do something.
struct PostgresqlFailure {
  std::string state;  // the SQLSTATE; empty: the connection failed, or the time was over
  std::string message;
  bool timed_out = false;
};
template <class T>
using PostgresqlAnswer = std::expected<T, PostgresqlFailure>;

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

  // What was being done, where, and why it failed, with the SQLSTATE.
  [[nodiscard]] std::string text(std::string_view doing, const PostgresqlFailure& why) const;
  // The same for who asks: errc::unavailable.
  [[nodiscard]] Error error(std::string_view doing, const PostgresqlFailure& why) const;
};

// The rows of one answer, in PostgreSQL's binary form.
class PostgresqlRows {
 public:
  explicit PostgresqlRows(pg_result* result) : result_(result) {}

  [[nodiscard]] int size() const;
  [[nodiscard]] bool is_null(int row, int column) const;
  // Valid as long as this lives; empty for NULL.
  [[nodiscard]] std::string_view bytes(int row, int column) const;
  // How many rows a command changed.
  [[nodiscard]] std::uint64_t changed() const;

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

// A connection. Nothing that it does takes longer than until its deadline: when that is over the
// connection is cut off, and what was asked for may be done or not. One thread at a time.
class PostgresqlConnection {
 public:
  // The next bytes, which hold until it is asked again; none: that was all.
  using NextPart = std::function<std::string_view()>;
  using Deadline = std::chrono::steady_clock::time_point;

  PostgresqlConnection() = default;  // of no use
  // Connects, and takes what the options leave (`connect_timeout` of the target, for each address).
  static PostgresqlAnswer<PostgresqlConnection> open(const PostgresqlTarget& target);

  // For all that follows.
  void set_deadline(Deadline deadline) { deadline_ = deadline; }
  // False once it broke, or was cut off: it is of no use any more.
  [[nodiscard]] bool usable() const;

  // One or several statements. The answer is of the last one.
  PostgresqlAnswer<PostgresqlRows> execute(const std::string& sql);
  // One statement with parameters $1, $2 … in text form.
  PostgresqlAnswer<PostgresqlRows> query(const std::string& sql,
                                         std::span<const std::string> parameters);
  // Ends an open transaction, if that can still be.
  void roll_back();
  // Several statements, of which one is COPY … FROM STDIN: the server works on the first parts
  // while `next` makes the others. The answer is of the last statement. One that fails ends them
  // all, and leaves an open transaction to be rolled back; `next` is asked to its end all the same.
  PostgresqlAnswer<PostgresqlRows> copy(const std::string& sql, const NextPart& next);

 private:
  struct Finish {
    void operator()(pg_conn* connection) const;
  };

  explicit PostgresqlConnection(pg_conn* connection) : connection_(connection) {}
  PostgresqlAnswer<PostgresqlRows> last_answer(const NextPart& next);
  PostgresqlAnswer<void> send_copy(const NextPart& next);
  PostgresqlAnswer<pg_result*> next_result();
  PostgresqlAnswer<void> flush();
  PostgresqlAnswer<void> wait(bool to_write);
  PostgresqlFailure broken();

  std::unique_ptr<pg_conn, Finish> connection_;
  Deadline deadline_ = Deadline::max();
};

// A name as it stands in SQL: "name".
std::string quoted_name(std::string_view name);
// A text as it stands in SQL: 'text'.
std::string quoted_text(std::string_view text);

}  // namespace tributary::collector
