#include "tests/support/postgresql_database.h"

#include <libpq-fe.h>

#include <cstdio>
#include <stdexcept>

#include "shared/base/id.h"
#include "tests/support/services.h"

namespace tributary {
namespace {

std::string with_database(const std::string& address, const std::string& name) {
  return address.substr(0, address.rfind('/') + 1) + name;
}

void ignore_notice(void* /*unused*/, const char* /*unused*/) {}

}  // namespace

class PostgresqlDatabase::Connection {
 public:
  explicit Connection(const std::string& address) : connection_(PQconnectdb(address.c_str())) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
      throw std::runtime_error(PQerrorMessage(connection_.get()));
    }
    PQsetNoticeProcessor(connection_.get(), ignore_notice, nullptr);
  }

  std::vector<std::string> run(const std::string& sql) {
    const std::unique_ptr<PGresult, Finish> result(PQexec(connection_.get(), sql.c_str()));
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      throw std::runtime_error(sql + ": " + PQerrorMessage(connection_.get()));
    }
    std::vector<std::string> rows;
    for (int row = 0; row < PQntuples(result.get()); ++row) {
      std::string text;
      for (int column = 0; column < PQnfields(result.get()); ++column) {
        if (column > 0) text += '|';
        const bool null = PQgetisnull(result.get(), row, column) != 0;
        text += null ? "NULL" : PQgetvalue(result.get(), row, column);
      }
      rows.push_back(std::move(text));
    }
    return rows;
  }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGconn, Finish> connection_;
};

PostgresqlDatabase::PostgresqlDatabase(std::string_view options)
    : address_(postgresql_address()), name_("test_" + Id::random().text()) {
  Connection(address_).run("CREATE DATABASE " + name_ + " " + std::string(options));
  connection_ = std::make_unique<Connection>(with_database(address_, name_));
}

PostgresqlDatabase::~PostgresqlDatabase() {
  connection_.reset();
  try {
    Connection(address_).run("DROP DATABASE " + name_ + " WITH (FORCE)");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "the database stays: %s\n", error.what());
  }
}

std::string PostgresqlDatabase::uri(std::string_view options) const {
  return with_database(address_, name_) + (options.empty() ? "" : "?" + std::string(options));
}

std::string PostgresqlDatabase::uri_of(std::string_view user, std::string_view password) const {
  const auto host = address_.find('@');
  auto uri = "postgresql://" + std::string(user) + ":" + std::string(password);
  return uri + with_database(address_.substr(host), name_);
}

std::vector<std::string> PostgresqlDatabase::run(const std::string& sql) {
  return connection_->run(sql);
}

}  // namespace tributary
