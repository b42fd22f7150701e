#include "collector/store/mongodb_client.h"

#include "collector/store/mongodb_error.h"
#include "shared/observe/log_limiter.h"

namespace tributary::collector {
namespace {

constexpr std::int32_t kServerSelectionMs = 3'000;
constexpr std::int32_t kConnectMs = 3'000;
// How soon a server that was silent, or no primary, is seen to be back. The driver's default is 10
// s.
constexpr std::int32_t kHeartbeatMs = 2'000;
constexpr std::int64_t kWriteConcernMs = 10'000;

LogLevel level_of(mongoc_log_level_t level) {
  switch (level) {
    case MONGOC_LOG_LEVEL_ERROR:
    case MONGOC_LOG_LEVEL_CRITICAL:
      return LogLevel::error;
    case MONGOC_LOG_LEVEL_WARNING:
      return LogLevel::warning;
    case MONGOC_LOG_LEVEL_MESSAGE:
    case MONGOC_LOG_LEVEL_INFO:
      return LogLevel::info;
    case MONGOC_LOG_LEVEL_DEBUG:
    case MONGOC_LOG_LEVEL_TRACE:
      break;
  }
  return LogLevel::debug;
}

void log_of_driver(mongoc_log_level_t level, const char* domain, const char* message, void*) {
  static const SystemClock clock;
  static LogLimiter limiter(clock);
  limiter.line(message, level_of(level), "store", message, {{"from", domain}});
}

// Once in a process, before anything else of libmongoc.
void start_driver() {
  static const bool started = [] {
    mongoc_init();
    mongoc_log_set_handler(log_of_driver, nullptr);
    return true;
  }();
  static_cast<void>(started);
}

std::unexpected<Error> refuse(std::string why) {
  return fail(errc::invalid_argument, "MongoDB URI: " + std::move(why));
}

void set_default(mongoc_uri_t* uri, const char* option, std::int32_t value) {
  if (!mongoc_uri_has_option(uri, option)) mongoc_uri_set_option_as_int32(uri, option, value);
}

std::string hosts_of(const mongoc_uri_t* uri) {
  if (const char* const name = mongoc_uri_get_srv_hostname(uri)) return name;
  std::string hosts;
  for (const auto* host = mongoc_uri_get_hosts(uri); host != nullptr; host = host->next) {
    hosts += (hosts.empty() ? "" : ",") + std::string(host->host_and_port);
  }
  return hosts;
}

// What the URI says of it, and for the rest what the promises need.
Result<Mongodb<mongoc_write_concern_t>> write_concern_of(const mongoc_uri_t* uri) {
  Mongodb<mongoc_write_concern_t> concern(
      mongoc_write_concern_copy(mongoc_uri_get_write_concern(uri)));
  const auto w = mongoc_write_concern_get_w(concern.get());
  if (w == MONGOC_WRITE_CONCERN_W_UNACKNOWLEDGED || w == MONGOC_WRITE_CONCERN_W_ERRORS_IGNORED) {
    return refuse("w=" + std::to_string(w) +
                  " leaves writes unacknowledged, so that nobody knows what is stored: leave w "
                  "out, which means majority");
  }
  if (w == MONGOC_WRITE_CONCERN_W_DEFAULT) mongoc_write_concern_set_wmajority(concern.get(), -1);
  if (!mongoc_write_concern_journal_is_set(concern.get())) {
    mongoc_write_concern_set_journal(concern.get(), true);
  }
  if (mongoc_write_concern_get_wtimeout_int64(concern.get()) <= 0) {
    mongoc_write_concern_set_wtimeout_int64(concern.get(), kWriteConcernMs);
  }
  return concern;
}

std::string warning_of(const mongoc_write_concern_t* concern) {
  std::string warning;
  if (mongoc_write_concern_get_w(concern) == 1) {
    warning = "w=1: what is stored can be lost when another server becomes the primary";
  }
  if (!mongoc_write_concern_get_journal(concern)) {
    warning += warning.empty() ? "" : "; ";
    warning += "journal=false: what is stored can be lost in a power cut";
  }
  return warning;
}

bool is_collection_name(std::string_view name) {
  return !name.empty() && name.find('$') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos && name.front() != '.' &&
         !name.starts_with("system.");
}

}  // namespace

Result<MongodbTarget> MongodbTarget::of(const std::string& uri, const std::string& user,
                                        const std::string& password, std::string_view collection) {
  start_driver();
  MongodbTarget target;
  bson_error_t why{};
  target.uri.reset(mongoc_uri_new_with_error(uri.c_str(), &why));
  if (!target.uri) {
    // The reason may repeat parts of it.
    const bool secret = uri.find('@') != std::string::npos;
    return refuse(std::string("is none") + (secret ? "" : std::string(": ") + why.message) +
                  "; expected is mongodb://host:port/database, with user:password@ before the "
                  "host if need be, and %40 for an @ in them");
  }
  auto* const parsed = target.uri.get();
  const char* const database = mongoc_uri_get_database(parsed);
  if (database == nullptr || *database == '\0') {
    return refuse("names no database: mongodb://host:port/database");
  }
  if (!is_collection_name(collection)) {
    return fail(errc::invalid_argument,
                "collection \"" + std::string(collection) +
                    "\": a name has no $, and begins neither with a dot nor with system.");
  }
  if (!user.empty()) mongoc_uri_set_username(parsed, user.c_str());
  if (!password.empty()) mongoc_uri_set_password(parsed, password.c_str());
  TRIBUTARY_ASSIGN(const auto concern, write_concern_of(parsed));
  mongoc_uri_set_write_concern(parsed, concern.get());
  set_default(parsed, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, kServerSelectionMs);
  set_default(parsed, MONGOC_URI_CONNECTTIMEOUTMS, kConnectMs);
  set_default(parsed, MONGOC_URI_HEARTBEATFREQUENCYMS, kHeartbeatMs);
  if (mongoc_uri_get_appname(parsed) == nullptr) mongoc_uri_set_appname(parsed, "tributary");

  target.database = database;
  target.collection = collection;
  if (const char* const name = mongoc_uri_get_username(parsed)) target.user = name;
  const auto hosts = hosts_of(parsed);
  if (hosts.find('@') != std::string::npos) {
    return refuse("has an @ in its user or password: write it as %40");
  }
  target.where = target.database + " on " + hosts;
  target.warning = warning_of(concern.get());
  return target;
}

Error MongodbTarget::error(std::string_view doing, const bson_error_t& why) const {
  auto text = "MongoDB " + where + ": ";
  text.append(doing).append(": ");
  if (is_refused_user(why)) {
    text += user.empty() ? "without a user this is not allowed: "
                         : "the user \"" + user + "\" is not let in, or may not do this: ";
  }
  text += why.message;
  const bool too_long = why.code == kMaxTimeExpired && why.domain == MONGOC_ERROR_SERVER;
  return {too_long ? errc::timed_out : errc::unavailable, std::move(text)};
}

Result<std::unique_ptr<MongodbClients>> MongodbClients::open(const MongodbTarget& target,
                                                             const Limits& limits) {
  std::unique_ptr<MongodbClients> clients(new MongodbClients(target));
  bson_error_t why{};
  if (!clients->start(limits, &why)) {
    return fail(errc::invalid_argument, "MongoDB " + target.where + ": " + why.message);
  }
  return clients;
}

bool MongodbClients::start(const Limits& limits, bson_error_t* error) {
  const Mongodb<mongoc_uri_t> uri(mongoc_uri_copy(target_.uri.get()));
  set_default(uri.get(), MONGOC_URI_SOCKETTIMEOUTMS, limits.socket_timeout_ms);
  set_default(uri.get(), MONGOC_URI_WAITQUEUETIMEOUTMS, limits.wait_ms);
  set_default(uri.get(), MONGOC_URI_MAXPOOLSIZE, static_cast<std::int32_t>(limits.clients));
  pool_.reset(mongoc_client_pool_new_with_error(uri.get(), error));
  if (!pool_) return false;
  mongoc_client_pool_set_error_api(pool_.get(), MONGOC_ERROR_API_VERSION_2);
  const Mongodb<mongoc_apm_callbacks_t> callbacks(mongoc_apm_callbacks_new());
  mongoc_apm_set_topology_changed_cb(callbacks.get(), topology_changed);
  mongoc_apm_set_server_heartbeat_failed_cb(callbacks.get(), heartbeat_failed);
  mongoc_client_pool_set_apm_callbacks(pool_.get(), callbacks.get(), this);
  return true;
}

MongodbClients::~MongodbClients() = default;

Result<MongodbClient> MongodbClients::take() {
  auto* const client = mongoc_client_pool_pop(pool_.get());
  if (client == nullptr) {
    return fail(errc::unavailable,
                "MongoDB " + target_.where + ": all connections are in use: try again later");
  }
  return MongodbClient(pool_.get(), client);
}

std::optional<MongodbClient> MongodbClients::try_take() {
  auto* const client = mongoc_client_pool_try_pop(pool_.get());
  if (client == nullptr) return std::nullopt;
  return MongodbClient(pool_.get(), client);
}

std::string MongodbClients::problem() const {
  const MutexLock lock(mutex_);
  if (reachable_) return {};
  return "MongoDB " + target_.where + ": no primary can be reached: " + last_failure_;
}

void MongodbClients::topology_changed(const mongoc_apm_topology_changed_t* event) {
  auto& self = *static_cast<MongodbClients*>(mongoc_apm_topology_changed_get_context(event));
  const bool reachable = mongoc_topology_description_has_writable_server(
      mongoc_apm_topology_changed_get_new_description(event));
  const MutexLock lock(self.mutex_);
  self.reachable_ = reachable;
}

void MongodbClients::heartbeat_failed(const mongoc_apm_server_heartbeat_failed_t* event) {
  auto& self = *static_cast<MongodbClients*>(mongoc_apm_server_heartbeat_failed_get_context(event));
  bson_error_t why{};
  mongoc_apm_server_heartbeat_failed_get_error(event, &why);
  const MutexLock lock(self.mutex_);
  self.last_failure_ = why.message;
}

}  // namespace tributary::collector
