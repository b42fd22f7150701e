#include "collector/store/postgresql_connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ranges>

#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

// In seconds; libpq's default is to wait as long as the system does.
constexpr const char* kConnectTimeout = "5";
// Names of its indexes are longer by this, and a name of PostgreSQL has 63 bytes at most.
constexpr std::size_t kTableSizeMax = 63 - std::string_view("_tributary_series").size();
constexpr std::string_view kExpected =
    "expected is postgresql://host:port/database, with user:password@ before the host if need be, "
    "and %40 for an @ in them, %2F for a slash, %3A for a colon";

std::unexpected<Error> refuse(std::string why) {
  return fail(errc::invalid_argument, "PostgreSQL URI: " + std::move(why));
}

bool is_port(std::string_view text) {
  constexpr unsigned kPortMax = 65'535;
  unsigned port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && port > 0 &&
         port <= kPortMax;
}

std::vector<std::string> parts_of(const std::string& list) {
  std::vector<std::string> parts;
  for (const auto part : list | std::views::split(','))
    parts.emplace_back(part.begin(), part.end());
  return parts;
}

class Parameters {
 public:
  explicit Parameters(const PQconninfoOption* options) {
    for (; options->keyword != nullptr; ++options) {
      if (options->val != nullptr) list_.emplace_back(options->keyword, options->val);
    }
  }

  [[nodiscard]] std::string get(std::string_view keyword) const {
    const auto found = std::ranges::find(list_, keyword, &Parameter::first);
    return found == list_.end() ? "" : found->second;
  }
  void set(std::string_view keyword, std::string_view value) {
    const auto found = std::ranges::find(list_, keyword, &Parameter::first);
    if (found == list_.end()) {
      list_.emplace_back(keyword, value);
    } else {
      found->second = value;
    }
  }
  void set_default(std::string_view keyword, std::string_view value) {
    if (get(keyword).empty()) set(keyword, value);
  }
  std::vector<std::pair<std::string, std::string>> take() && { return std::move(list_); }

 private:
  using Parameter = std::pair<std::string, std::string>;
  std::vector<Parameter> list_;
};

// Of a message of several lines, one.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c != '\n') {
      line += c == '\t' ? ' ' : c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

void log_notice(void* /*unused*/, const char* message) {
  log_debug("store", one_line(message), {{"from", "postgresql"}});
}

PostgresqlFailure failure_of(const PGresult* result) {
  const auto field = [result](int code) {
    const char* const text = PQresultErrorField(result, code);
    return std::string(text == nullptr ? "" : text);
  };
  PostgresqlFailure failure{.state = field(PG_DIAG_SQLSTATE),
                            .message = field(PG_DIAG_MESSAGE_PRIMARY)};
  if (const auto detail = field(PG_DIAG_MESSAGE_DETAIL); !detail.empty()) {
    failure.message += " (" + detail + ")";
  }
  if (failure.message.empty()) failure.message = PQresultErrorMessage(result);
  failure.message = one_line(failure.message);
  return failure;
}

// "host:port" of each; nothing when a port is none.
Result<std::vector<std::string>> servers_of(const Parameters& parameters) {
  auto hosts = parts_of(parameters.get("host"));
  if (hosts.empty()) hosts = parts_of(parameters.get("hostaddr"));
  const auto ports = parts_of(parameters.get("port"));
  std::vector<std::string> servers;
  for (std::size_t i = 0; i < std::max<std::size_t>(hosts.size(), 1); ++i) {
    auto host = i < hosts.size() ? hosts[i] : "";
    auto port = ports.empty() ? "" : ports[std::min(i, ports.size() - 1)];
    if (port.empty()) port = "5432";
    if (!is_port(port)) return refuse("has a port that is none; " + std::string(kExpected));
    if (host.empty()) host = "the local socket";
    const bool is_ipv6 = host.find(':') != std::string::npos;
    servers.push_back((is_ipv6 ? "[" + host + "]" : host).append(":").append(port));
  }
  return servers;
}

}  // namespace

Result<PostgresqlTarget> PostgresqlTarget::of(const std::string& uri, const std::string& user,
                                              const std::string& password, std::string_view table) {
  const auto is_uri = uri.starts_with("postgresql://") || uri.starts_with("postgres://");
  if (!is_uri || uri.find('\0') != std::string::npos) {
    return refuse("is none; " + std::string(kExpected));
  }
  char* why = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(uri.c_str(), &why), PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> reason(why, PQfreemem);
  if (!options) {
    // The reason may repeat parts of it.
    const bool secret = uri.find('@') != std::string::npos || uri.find('=') != std::string::npos;
    std::string said = secret || !reason ? "" : std::string(": ") + reason.get();
    while (said.ends_with('\n')) said.pop_back();
    return refuse("is none" + said + "; " + std::string(kExpected));
  }

  Parameters parameters(options.get());
  if (!user.empty()) parameters.set("user", user);
  if (!password.empty()) parameters.set("password", password);
  const auto database = parameters.get("dbname");
  if ((parameters.get("host") + database).find('@') != std::string::npos) {
    return refuse("has an @ or a slash in its user or password; " + std::string(kExpected));
  }
  TRIBUTARY_ASSIGN(const auto servers, servers_of(parameters));
  if (database.empty()) return refuse("names no database: postgresql://host:port/database");
  if (table.empty() || table.size() > kTableSizeMax ||
      table.find_first_of(std::string_view(".\0", 2)) != std::string_view::npos) {
    return fail(errc::invalid_argument,
                "table \"" + std::string(table) + "\": a name has 1 to " +
                    std::to_string(kTableSizeMax) +
                    " bytes and no dot; one in another schema is found with "
                    "?options=-csearch_path%3Dschema behind the database of the URI");
  }
  parameters.set_default("connect_timeout", kConnectTimeout);
  parameters.set_default("fallback_application_name", "tributary");
  if (servers.size() > 1) parameters.set_default("target_session_attrs", "read-write");
  parameters.set("client_encoding", "UTF8");

  PostgresqlTarget target;
  target.table = table;
  target.user = parameters.get("user");
  target.where = database + " on ";
  for (const auto& server : servers)
    target.where += (&server == &servers.front() ? "" : ",") + server;
  target.parameters = std::move(parameters).take();
  return target;
}

std::string PostgresqlTarget::text(std::string_view doing, const PostgresqlFailure& why) const {
  auto text = "PostgreSQL " + where + ": ";
  text.append(doing).append(": ").append(why.message);
  if (!why.state.empty()) text += " (SQLSTATE " + why.state + ")";
  return text;
}

Error PostgresqlTarget::error(std::string_view doing, const PostgresqlFailure& why) const {
  return {errc::unavailable, text(doing, why)};
}

void PostgresqlRows::Clear::operator()(pg_result* result) const { PQclear(result); }

int PostgresqlRows::size() const { return PQntuples(result_.get()); }

bool PostgresqlRows::is_null(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view PostgresqlRows::bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::uint64_t PostgresqlRows::changed() const {
  const std::string_view text = PQcmdTuples(result_.get());
  std::uint64_t rows = 0;
  std::from_chars(text.data(), text.data() + text.size(), rows);
  return rows;
}

void PostgresqlConnection::Finish::operator()(pg_conn* connection) const { PQfinish(connection); }

PostgresqlAnswer<PostgresqlConnection> PostgresqlConnection::open(const PostgresqlTarget& target) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : target.parameters) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  PostgresqlConnection connection(PQconnectdbParams(keywords.data(), values.data(), 0));
  auto* const made = connection.connection_.get();
  if (made == nullptr)
    return std::unexpected(PostgresqlFailure{.state = {}, .message = "no memory"});
  if (PQstatus(made) != CONNECTION_OK) return std::unexpected(connection.broken());
  PQsetNoticeProcessor(made, log_notice, nullptr);
  if (PQsetnonblocking(made, 1) != 0) return std::unexpected(connection.broken());
  return connection;
}

bool PostgresqlConnection::usable() const { return connection_ != nullptr; }

PostgresqlAnswer<PostgresqlRows> PostgresqlConnection::execute(const std::string& sql) {
  return copy(sql, [] { return std::string_view(); });
}

void PostgresqlConnection::roll_back() {
  if (usable() && !execute("ROLLBACK")) connection_.reset();
}

PostgresqlAnswer<PostgresqlRows> PostgresqlConnection::query(
    const std::string& sql, std::span<const std::string> parameters) {
  constexpr int kBinary = 1;
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const auto& parameter : parameters) values.push_back(parameter.c_str());
  if (!usable() ||
      PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, kBinary) == 0) {
    return std::unexpected(broken());
  }
  return last_answer([] { return std::string_view(); });
}

PostgresqlAnswer<PostgresqlRows> PostgresqlConnection::copy(const std::string& sql,
                                                            const NextPart& next) {
  if (!usable() || PQsendQuery(connection_.get(), sql.c_str()) == 0) {
    return std::unexpected(broken());
  }
  return last_answer(next);
}

PostgresqlAnswer<PostgresqlRows> PostgresqlConnection::last_answer(const NextPart& next) {
  TRIBUTARY_TRY(flush());
  PostgresqlRows last(nullptr);
  std::unique_ptr<PostgresqlFailure> failure;
  for (;;) {
    TRIBUTARY_ASSIGN(auto* const result, next_result());
    if (result == nullptr) break;
    last = PostgresqlRows(result);
    const auto status = PQresultStatus(result);
    if (status == PGRES_COPY_IN) {
      TRIBUTARY_TRY(send_copy(next));
    } else if (status == PGRES_FATAL_ERROR && !failure) {
      failure = std::make_unique<PostgresqlFailure>(failure_of(result));
    }
  }
  if (failure) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) connection_.reset();
    return std::unexpected(std::move(*failure));
  }
  return last;
}

PostgresqlAnswer<void> PostgresqlConnection::send_copy(const NextPart& next) {
  for (auto part = next(); !part.empty(); part = next()) {
    if (PQputCopyData(connection_.get(), part.data(), static_cast<int>(part.size())) < 0) {
      return std::unexpected(broken());
    }
    TRIBUTARY_TRY(flush());
  }
  if (PQputCopyEnd(connection_.get(), nullptr) < 0) return std::unexpected(broken());
  return flush();
}

// nullptr behind the last one.
PostgresqlAnswer<pg_result*> PostgresqlConnection::next_result() {
  while (PQisBusy(connection_.get()) != 0) TRIBUTARY_TRY(wait(false));
  return PQgetResult(connection_.get());
}

PostgresqlAnswer<void> PostgresqlConnection::flush() {
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left == 0) return {};
    if (left < 0) return std::unexpected(broken());
    TRIBUTARY_TRY(wait(true));
  }
}

// Until there is something to read, or also until there is room to write; what came is read.
PostgresqlAnswer<void> PostgresqlConnection::wait(bool to_write) {
  using std::chrono::milliseconds;
  constexpr milliseconds kStepMax{60'000};
  pollfd socket{.fd = PQsocket(connection_.get()),
                .events = static_cast<short>(to_write ? POLLIN | POLLOUT : POLLIN),
                .revents = 0};
  const auto left = std::chrono::ceil<milliseconds>(std::min<std::chrono::steady_clock::duration>(
      deadline_ - std::chrono::steady_clock::now(), kStepMax));
  if (left <= milliseconds::zero()) {
    connection_.reset();
    return std::unexpected(PostgresqlFailure{
        .state = {}, .message = "no answer within the time allowed", .timed_out = true});
  }
  const int ready = ::poll(&socket, 1, static_cast<int>(left.count()));
  if (ready < 0 && errno != EINTR) return std::unexpected(broken());
  if (ready > 0 && (socket.revents & ~POLLOUT) != 0 && PQconsumeInput(connection_.get()) == 0) {
    return std::unexpected(broken());
  }
  return {};
}

// Why it is, as libpq says; it is closed.
PostgresqlFailure PostgresqlConnection::broken() {
  PostgresqlFailure failure{.state = {}, .message = "the connection is closed"};
  if (connection_) failure.message = one_line(PQerrorMessage(connection_.get()));
  connection_.reset();
  return failure;
}

std::string quoted_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

std::string quoted_text(std::string_view text) {
  // With the E, a backslash means the same whatever standard_conforming_strings is.
  std::string quoted = "E'";
  for (const char c : text) quoted.append(c == '\'' || c == '\\' ? 2 : 1, c);
  return quoted + '\'';
}

}  // namespace tributary::collector
