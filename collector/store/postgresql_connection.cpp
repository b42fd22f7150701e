#include "collector/store/postgresql_connection.h"

#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <ranges>

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
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    servers.push_back(std::move(host) + ":" + port);
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

}  // namespace tributary::collector
