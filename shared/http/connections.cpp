#include "shared/http/connections.h"

#include <strings.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <restinio/http_server.hpp>
#include <unordered_map>
#include <utility>

#include "shared/base/ascii.h"
#include "shared/base/mutex.h"
#include "shared/http/problem.h"

namespace tributary::http {
namespace {

constexpr std::size_t kFieldsMax = 100;
constexpr std::uint32_t kHeaderMax = 32U << 10;  // all fields together
constexpr std::size_t kMethodSizeMax = 32;
constexpr std::size_t kReadBuffer = 16U << 10;
constexpr std::size_t kPieceMax = 256U << 10;

HttpResponse refusal(std::string_view parser_error) {
  const auto failed = [&](std::string_view name) {
    return parser_error.find(name) != std::string_view::npos;
  };
  if (failed("HPE_CB_headers_complete") || failed("HPE_CB_body")) {
    return problem(413, "the body is over the limit of this server");
  }
  if (failed("HPE_CB_url"))
    return problem(414, "the request's address is over the limit of this server");
  if (failed("HPE_CB_header") || failed("HPE_HEADER_OVERFLOW")) {
    return problem(431, "the request's header is over the limits of this server");
  }
  return problem(400, "this is not HTTP/1.1 (is the client using TLS, or another protocol?)");
}

bool is_known_method(std::string_view method) {
  constexpr int kMethodsMost = 64;
  for (int number = 0; number < kMethodsMost; ++number) {
    if (method == http_method_str(static_cast<http_method>(number))) return true;
  }
  return false;
}

// RESTinio closes without an answer what it can't parse, and says so here only.
class Logger {
 public:
  template <class Message>
  void trace(Message&&) const noexcept {}
  template <class Message>
  void info(Message&&) const noexcept {}
  template <class Message>
  void warn(Message&&) const noexcept {}
  template <class Message>
  void error(Message&& message) const {
    const std::string text = message();
    if (text.find("parser error HPE_") == std::string::npos) return;
    Socket* const socket = Socket::current();
    if (socket != nullptr && socket->on_unreadable) socket->on_unreadable();
    std::string answer;
    if (socket != nullptr && text.find("HPE_INVALID_METHOD") != std::string::npos) {
      answer = answer_to_method(*socket);
    } else if (socket != nullptr) {
      answer = std::exchange(socket->refusal, {});
    }
    Socket::answer_at_shutdown(answer.empty() ? whole_response(refusal(text)) : std::move(answer));
  }

 private:
  // "QUERY /data HTTP/1.1" at the begin of what was read; empty for anything else, also when a good
  // request comes before the one that can't be read.
  static std::string answer_to_method(const Socket& socket) {
    const auto read = socket.last_read();
    const auto line = read.substr(0, read.find('\r'));
    const auto method = line.substr(0, line.find(' '));
    const auto version = line.rfind(" HTTP/1.");
    const bool is_request =
        !method.empty() && method.size() <= kMethodSizeMax && !is_known_method(method) &&
        std::ranges::all_of(method, [](char c) { return c >= 'A' && c <= 'Z'; }) &&
        version != std::string_view::npos && version > method.size();
    if (!is_request || !socket.on_unknown_method) return {};
    return socket.on_unknown_method(method,
                                    line.substr(method.size() + 1, version - method.size() - 1));
  }
};

struct Traits : restinio::default_traits_t {
  using logger_t = Logger;
  using stream_socket_t = Socket;
};

using Connection = restinio::impl::connection_t<Traits>;
using Settings = restinio::impl::connection_settings_t<Traits>;
using Limiter = restinio::connection_count_limits::noop_connection_count_limiter_t;
using Seat = restinio::connection_count_limits::connection_lifetime_monitor_t<Limiter>;

restinio::impl::http_parser_ctx_t& context_of(http_parser* parser) {
  return *static_cast<restinio::impl::http_parser_ctx_t*>(parser->data);
}

// Makes the parser fail, with this answer.
int refuse(const HttpResponse& answer) {
  if (auto* const socket = Socket::current()) socket->refusal = whole_response(answer);
  return -1;
}

// What the parser lets pass and another server may take for something else, such as a body's other
// length (RFC 9112, 5.1 and 6.1). Null: nothing.
const char* ambiguity(const http_parser& parser, const restinio::http_request_header_t& header) {
  bool has_space = false;
  int codings = 0;
  bool all_chunked = true;
  int hosts = 0;
  header.for_each_field([&](const auto& field) {
    has_space = has_space || field.name().find(' ') != std::string::npos;
    if (field.field_id() == restinio::http_field::transfer_encoding) {
      ++codings;
      all_chunked = equal_in_any_case(trimmed(field.value()), "chunked");
    }
    hosts += static_cast<int>(field.field_id() == restinio::http_field::host);
  });
  if (has_space) return "the name of a header field has a space";
  const bool is_chunked = (parser.flags & F_CHUNKED) != 0 && codings == 1 && all_chunked;
  if (codings > 0 && (!is_chunked || parser.http_minor == 0))
    return "the only Transfer-Encoding is chunked, of HTTP/1.1";
  if (hosts > 1 || (hosts == 0 && parser.http_minor > 0))
    return "a request of HTTP/1.1 has one field Host";
  return nullptr;
}

int on_headers_complete(http_parser* parser) {
  // The parser takes a request without a version for HTTP/0.9.
  if (parser->http_major != 1) return refuse(problem(505, "this server speaks HTTP/1.1"));
  auto& header = context_of(parser).m_header;
  if (const char* why = ambiguity(*parser, header)) return refuse(problem(400, why));
  header.http_major(parser->http_major);
  header.http_minor(parser->http_minor);
  // An offer of another protocol may be passed over (RFC 9110, 7.8); RESTinio would stop its clock.
  parser->upgrade = 0;
  if (const int refused = restinio::impl::restinio_headers_complete_cb(parser); refused != 0)
    return refused;

  const auto expect = header.opt_value_of(restinio::http_field::expect);
  const bool waits = expect && ::strcasecmp(std::string(*expect).c_str(), "100-continue") == 0;
  if (waits && parser->http_minor > 0 && Socket::current() != nullptr) {
    Socket::current()->send_now("HTTP/1.1 100 Continue\r\n\r\n");
  }
  return 0;
}

int on_body(http_parser* parser, const char* at, std::size_t length) {
  Socket* const socket = Socket::current();
  if (socket != nullptr && !socket->body.grow(length)) {
    return refuse(unavailable("too many large requests at once: try again in a moment"));
  }
  return restinio::impl::restinio_body_cb(parser, at, length);
}

http_parser_settings parser_settings() {
  auto settings = restinio::impl::create_parser_settings<Traits::http_methods_mapper_t>();
  settings.on_headers_complete = on_headers_complete;
  settings.on_body = on_body;
  // RESTinio's own remembers each chunk: a body of one-byte chunks would take 50 times its size.
  settings.on_chunk_header = [](http_parser*) { return 0; };
  return settings;
}

restinio::server_settings_t<Traits> server_settings(const HttpServerOptions& options) {
  const auto check_period = std::clamp(options.idle_timeout / 4, std::chrono::milliseconds(10),
                                       std::chrono::milliseconds(1000));
  restinio::server_settings_t<Traits> settings;
  settings.buffer_size(kReadBuffer)
      .read_next_http_message_timelimit(options.idle_timeout)
      .write_http_response_timelimit(options.idle_timeout)
      .handle_request_timeout(options.handle_timeout)
      .max_pipelined_requests(1)
      .timer_manager(check_period)
      .incoming_http_msg_limits(restinio::incoming_http_msg_limits_t{}
                                    .max_url_size(options.header_size_max)
                                    .max_field_name_size(options.header_size_max)
                                    .max_field_value_size(options.header_size_max)
                                    .max_field_count(kFieldsMax)
                                    .max_body_size(options.body_size_max));
  return settings;
}

// RESTinio limits the time of one write as a whole: a long body goes out in pieces, so that a slow
// reader is one that doesn't take a piece in time. `finished` is called with the last of them.
void send_pieces(restinio::impl::connection_base_t& connection, restinio::request_id_t request,
                 std::string head, std::string body, bool last,
                 restinio::response_connection_attr_t ends,
                 const restinio::write_status_cb_t& finished) {
  const auto content = std::make_shared<const std::string>(std::move(body));
  restinio::writable_items_container_t items;
  if (!head.empty()) items.emplace_back(std::move(head));
  std::size_t at = 0;
  do {
    const std::size_t length = std::min(kPieceMax, content->size() - at);
    if (length > 0) items.emplace_back(restinio::const_buffer(content->data() + at, length));
    at += length;
    const bool whole = at == content->size();
    restinio::write_group_t group(std::exchange(items, {}));
    if (whole) {
      group.after_write_notificator(
          [finished, content](const asio::error_code& ec) { finished(ec); });
    } else {
      group.after_write_notificator([content](const asio::error_code&) {});
    }
    const auto parts = whole && last ? restinio::response_parts_attr_t::final_parts
                                     : restinio::response_parts_attr_t::not_final_parts;
    connection.write_response_parts(request, {parts, ends}, std::move(group));
  } while (at < content->size());
}

}  // namespace

// The requests that wait for their answers, with their connections.
struct Connections::Waiting {
  struct Entry {
    restinio::impl::connection_handle_t connection;
    restinio::request_id_t request;
    Socket* socket;  // of the connection, which owns it; null: unknown
    bool endless = false;
    bool left = false;  // the client
  };

  Mutex mutex;
  Condition changed;
  std::unordered_map<std::uint64_t, Entry> entries TRIBUTARY_GUARDED_BY(mutex);
  std::uint64_t last_number TRIBUTARY_GUARDED_BY(mutex) = 0;
  std::size_t writers TRIBUTARY_GUARDED_BY(mutex) =
      0;  // that hold an entry's connection outside of the mutex
  bool closed TRIBUTARY_GUARDED_BY(mutex) = false;

  std::uint64_t add(Entry entry) {
    const MutexLock lock(mutex);
    entries.emplace(++last_number, std::move(entry));
    return last_number;
  }
  void remove(std::uint64_t number) {
    std::optional<Entry> removed;  // outlives the lock: it may be the connection's last owner
    const MutexLock lock(mutex);
    removed = take(number);
  }
  std::optional<Entry> take(std::uint64_t number) TRIBUTARY_REQUIRES(mutex) {
    const auto found = entries.find(number);
    if (found == entries.end()) return std::nullopt;
    auto taken = std::move(found->second);
    entries.erase(found);
    changed.notify_all();
    return taken;
  }
};

struct Connections::Engine {
  asio::io_context& context;
  std::shared_ptr<BodyBudget> bodies;
  std::shared_ptr<Settings> settings;
  std::function<void(HttpRefusal)> on_refused;
  UnknownMethod unknown_method;
  std::atomic<std::uint64_t> last_connection{0};
};

Connections::Connections(asio::io_context& context, const HttpServerOptions& options,
                         std::function<void(Arrived)> arrived, UnknownMethod unknown_method)
    : waiting_(std::make_shared<Waiting>()) {
  http_parser_set_max_header_size(kHeaderMax);
  auto settings = server_settings(options);
  settings.request_handler(
      [waiting = waiting_, arrived = std::move(arrived)](restinio::request_handle_t handle) {
        const auto& header = handle->header();
        Arrived request;
        request.method = header.method().c_str();
        request.target = header.request_target();
        request.client = handle->remote_endpoint().address().to_string();
        header.for_each_field(
            [&](const auto& field) { request.headers.emplace_back(field.name(), field.value()); });
        request.body = handle->body();
        request.chunks_understood = header.http_major() == 1 && header.http_minor() > 0;
        request.keep_alive = header.should_keep_alive();
        auto* const socket = Socket::current();
        if (socket != nullptr) request.claim = socket->body.take();
        request.number = waiting->add(
            {restinio::impl::access_req_connection(*handle), handle->request_id(), socket});
        handle.reset();
        arrived(std::move(request));
        return restinio::request_accepted();
      });
  const auto timers = settings.timer_factory()->create(context);
  engine_ = std::make_unique<Engine>(
      context, std::make_shared<BodyBudget>(options.bodies_size_max),
      std::make_shared<Settings>(std::move(settings), parser_settings(), timers),
      options.on_refused, std::move(unknown_method));
}

Connections::~Connections() = default;

void Connections::start(Socket socket, const asio::ip::tcp::endpoint& peer) {
  socket.body = BodyClaim(engine_->bodies);
  if (engine_->on_refused) {
    socket.on_unreadable = [&tell = engine_->on_refused] { tell(HttpRefusal::unreadable); };
  }
  socket.on_unknown_method = [&answer = engine_->unknown_method](auto method, auto target) {
    return whole_response(answer(method, target));
  };
  const auto connection = std::make_shared<Connection>(
      ++engine_->last_connection, std::move(socket), engine_->settings, peer, Seat{nullptr});
  asio::post(connection->get_executor(), [connection] { connection->init(); });
}

void Connections::write(std::uint64_t number, std::string head, std::string body, Then then,
                        std::function<void(bool)> done) {
  restinio::impl::connection_handle_t connection;
  restinio::request_id_t request = 0;
  {
    const MutexLock lock(waiting_->mutex);
    const auto found = waiting_->entries.find(number);
    if (!waiting_->closed && found != waiting_->entries.end()) {
      connection = found->second.connection;
      request = found->second.request;
      ++waiting_->writers;
    }
  }
  if (!connection) {
    if (done) done(false);
    return;
  }

  const auto ends = then == Then::keep_alive && !draining_
                        ? restinio::response_connection_attr_t::connection_keepalive
                        : restinio::response_connection_attr_t::connection_close;
  send_pieces(
      *connection, request, std::move(head), std::move(body), then != Then::more, ends,
      [waiting = waiting_, number, then, done = std::move(done)](const asio::error_code& ec) {
        if (then != Then::more || ec) waiting->remove(number);
        if (then == Then::reset && !ec) Socket::reset_at_shutdown();
        if (done) done(!ec);
      });

  connection.reset();
  const MutexLock lock(waiting_->mutex);
  --waiting_->writers;
  waiting_->changed.notify_all();
}

void Connections::watch(std::uint64_t number) {
  post(number, [waiting = waiting_, number](const auto& connection, Socket& socket) {
    socket.when_readable(connection->get_executor(), [connection, waiting, number](bool at_end) {
      if (!at_end) return;
      const MutexLock lock(waiting->mutex);
      const auto found = waiting->entries.find(number);
      if (found != waiting->entries.end()) found->second.left = true;
    });
  });
}

bool Connections::has_left(std::uint64_t number) {
  const MutexLock lock(waiting_->mutex);
  const auto found = waiting_->entries.find(number);
  return found == waiting_->entries.end() || found->second.left;
}

void Connections::cut(std::uint64_t number) {
  post(number, [waiting = waiting_, number](const auto& /*connection*/, Socket& socket) {
    socket.abort();
    waiting->remove(number);
  });
}

template <class Work>
void Connections::post(std::uint64_t number, Work work) {
  std::shared_ptr<Connection> connection;
  Socket* socket = nullptr;
  {
    const MutexLock lock(waiting_->mutex);
    const auto found = waiting_->entries.find(number);
    if (waiting_->closed || found == waiting_->entries.end()) return;
    if (found->second.socket == nullptr) return;
    connection = std::static_pointer_cast<Connection>(found->second.connection);
    socket = found->second.socket;
    ++waiting_->writers;
  }
  const auto executor = connection->get_executor();
  asio::post(executor, [connection = std::move(connection), socket, work = std::move(work)] {
    work(connection, *socket);
  });
  const MutexLock lock(waiting_->mutex);
  --waiting_->writers;
  waiting_->changed.notify_all();
}

bool Connections::wait_until_answered(std::chrono::milliseconds time) {
  MutexLock lock(waiting_->mutex);
  return waiting_->changed.wait_for(lock, time, [this]() TRIBUTARY_REQUIRES(waiting_->mutex) {
    return std::ranges::all_of(waiting_->entries,
                               [](const auto& entry) { return entry.second.endless; });
  });
}

void Connections::mark_endless(std::uint64_t number) {
  const MutexLock lock(waiting_->mutex);
  if (const auto found = waiting_->entries.find(number); found != waiting_->entries.end()) {
    found->second.endless = true;
    waiting_->changed.notify_all();
  }
}

void Connections::close() {
  std::unordered_map<std::uint64_t, Waiting::Entry> dropped;
  {
    MutexLock lock(waiting_->mutex);
    waiting_->closed = true;
    waiting_->changed.wait(
        lock, [this]() TRIBUTARY_REQUIRES(waiting_->mutex) { return waiting_->writers == 0; });
    dropped.swap(waiting_->entries);
  }
  engine_.reset();
}

std::string response_head(const HttpResponse& response, std::string_view length_fields,
                          bool keep_alive, bool chunks_understood) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char date[40];
  const std::size_t date_length =
      std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);

  std::string head = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  head.append(status_text(response.status))
      .append("\r\nDate: ")
      .append(date, date_length)
      .append("\r\n");
  const auto add = [&head](std::string_view name, std::string_view value) {
    head.append(name).append(": ");
    // A line break would begin a field, or a body, of the value's author.
    for (const char c : value) head += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
    head += "\r\n";
  };
  if (!response.content_type.empty()) add("Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) add(name, value);
  head += length_fields;
  if (!keep_alive) head += "Connection: close\r\n";
  if (keep_alive && !chunks_understood) head += "Connection: keep-alive\r\n";
  return head += "\r\n";
}

std::string whole_response(const HttpResponse& response) {
  return response_head(response, "Content-Length: " + std::to_string(response.body.size()) + "\r\n",
                       false, true) +
         response.body;
}

}  // namespace tributary::http
