#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tributary {

// A database of its own on a PostgreSQL, empty at first and dropped at the end, and what a test
// does to it behind the back of the store. One thread. Throws std::runtime_error when a statement
// fails.
class PostgresqlDatabase {
 public:
  // On the PostgreSQL that the tests share; `options` of CREATE DATABASE.
  explicit PostgresqlDatabase(std::string_view options = "");
  ~PostgresqlDatabase();
  PostgresqlDatabase(const PostgresqlDatabase&) = delete;
  PostgresqlDatabase& operator=(const PostgresqlDatabase&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  // postgresql://user:password@host:port/name?options
  [[nodiscard]] std::string uri(std::string_view options = "") const;
  // The same for another user.
  [[nodiscard]] std::string uri_of(std::string_view user, std::string_view password) const;

  // Runs statements. The rows of the last one, each as its values with | between; NULL is "NULL".
  std::vector<std::string> run(const std::string& sql);

 private:
  class Connection;

  std::string address_;
  std::string name_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace tributary
