// What a PostgreSQL URI says, and what is said of one that is none.

#include <catch2/catch.hpp>

#include "collector/store/postgresql_connection.h"
#include "collector/store/postgresql_store.h"

namespace tributary::collector {
namespace {

std::string refused(const std::string& uri) {
  CAPTURE(uri);
  const auto checked = check_postgresql_uri(uri);
  if (checked) FAIL("taken as " + *checked);
  REQUIRE(checked.error() == errc::invalid_argument);
  REQUIRE_THAT(checked.error().message(), !Catch::Contains("Secret"));
  return checked.error().message();
}

std::string where(const std::string& uri) {
  const auto checked = check_postgresql_uri(uri);
  if (!checked) FAIL(checked.error().message());
  return *checked;
}

std::string parameter(const PostgresqlTarget& target, std::string_view keyword) {
  std::string value;
  for (const auto& [name, text] : target.parameters) {
    if (name == keyword) value += text;
  }
  return value;
}

PostgresqlTarget target_of(const std::string& uri, const std::string& user = "",
                           const std::string& password = "") {
  auto target = PostgresqlTarget::of(uri, user, password, "events");
  if (!target) FAIL(target.error().message());
  return std::move(*target);
}

}  // namespace

TEST_CASE("a PostgreSQL URI is told by its database and servers, without user and password") {
  REQUIRE(where("postgresql://host/db") == "db on host:5432");
  REQUIRE(where("postgres://user:Secret@host:1234/db") == "db on host:1234");
  REQUIRE(where("postgresql://user:Word%40Secret@host/db") == "db on host:5432");
  REQUIRE(where("postgresql://a:1,b,[::1]:3/db") == "db on a:1,b:5432,[::1]:3");
  REQUIRE(where("postgresql:///db?host=/run/postgresql") == "db on /run/postgresql:5432");
  REQUIRE(where("postgresql:///db") == "db on the local socket:5432");
  REQUIRE(where("postgresql://host?dbname=db&password=Secret&sslmode=require") ==
          "db on host:5432");
}

TEST_CASE("what is no PostgreSQL URI is refused in words, without its password") {
  REQUIRE_THAT(refused("postgresql://host"), Catch::Contains("names no database"));
  REQUIRE_THAT(refused("postgresql://user:Secret@host/"), Catch::Contains("names no database"));
  REQUIRE_THAT(refused("host=a dbname=db"), Catch::Contains("postgresql://host:port/database"));
  REQUIRE_THAT(refused("mysql://host/db"), Catch::Contains("postgresql://host:port/database"));
  REQUIRE_THAT(refused(""), Catch::Contains("is none"));
  REQUIRE_THAT(refused("postgresql://host/db?colour=red"), !Catch::Contains("\n"));
  REQUIRE_THAT(refused("postgresql://user:Secret@host:port/db"), Catch::Contains("port"));
  REQUIRE_THAT(refused("postgresql://host:0/db"), Catch::Contains("port"));
  REQUIRE_THAT(refused("postgresql://host:65536/db"), Catch::Contains("port"));
  REQUIRE_THAT(refused("postgresql://user:Word@Secret@host/db"), Catch::Contains("%40"));
  REQUIRE_THAT(refused("postgresql://user:Secret/wrong@host/db"), Catch::Contains("%2F"));
  refused("postgresql://user:Secret%zz@host/db");
  refused("postgresql://host/db?pass=Secret");
}

TEST_CASE("the table is a name from which those of its indexes can be made") {
  const auto with_table = [](const std::string& table) {
    return PostgresqlTarget::of("postgresql://host/db", "", "", table);
  };
  REQUIRE(with_table(std::string(46, 'x')).has_value());
  REQUIRE(with_table("Weird \"table\"").has_value());
  for (const auto& table : {std::string(), std::string(47, 'x'), std::string("a\0b", 3),
                            std::string("public.events")}) {
    CAPTURE(table);
    const auto refused = with_table(table);
    REQUIRE_FALSE(refused.has_value());
    REQUIRE(refused.error() == errc::invalid_argument);
  }
}

TEST_CASE("user and password of their own go before those of the URI") {
  const auto both = target_of("postgresql://user:Secret@host/db", "other", "word");
  REQUIRE(both.user == "other");
  REQUIRE(parameter(both, "user") == "other");
  REQUIRE(parameter(both, "password") == "word");
  const auto neither = target_of("postgresql://user:Secret@host/db");
  REQUIRE(neither.user == "user");
  REQUIRE(parameter(neither, "password") == "Secret");
}

TEST_CASE(
    "of several servers the one that can be written to is looked for, unless told otherwise") {
  REQUIRE(parameter(target_of("postgresql://a,b/db"), "target_session_attrs") == "read-write");
  REQUIRE(parameter(target_of("postgresql://a,b/db?target_session_attrs=any"),
                    "target_session_attrs") == "any");
  REQUIRE(parameter(target_of("postgresql://a/db"), "target_session_attrs").empty());
  REQUIRE(parameter(target_of("postgresql://a/db"), "connect_timeout") == "5");
  REQUIRE(parameter(target_of("postgresql://a/db?connect_timeout=9"), "connect_timeout") == "9");
}

}  // namespace tributary::collector
