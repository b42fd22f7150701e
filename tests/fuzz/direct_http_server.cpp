// Stands in for server.cpp and responder.cpp of shared/http: the routes without the sockets.

#include "tests/fuzz/direct_http_server.h"

#include <future>
#include <map>

#include "shared/base/check.h"
#include "shared/http/problem.h"
#include "shared/http/router.h"

namespace tributary {
namespace {

constexpr std::chrono::seconds kAnswerWait{20};
constexpr std::size_t kStreamSizeMax = 64U << 20;

}  // namespace

struct HttpResponder::State {
  std::promise<HttpResponse> answer;
};

struct HttpFeed::State {};

HttpResponder::HttpResponder(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpResponder::HttpResponder(HttpResponder&&) noexcept = default;
HttpResponder& HttpResponder::operator=(HttpResponder&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
HttpResponder::~HttpResponder() {
  if (state_) state_->answer.set_value(problem(500, "the request was not answered"));
}

void HttpResponder::respond(HttpResponse response) {
  const auto state = std::exchange(state_, nullptr);
  CHECK(state != nullptr);
  state->answer.set_value(std::move(response));
}

void HttpResponder::stream(const HttpResponse& head,
                           std::function<std::optional<std::string>()> next) {
  auto response = head;
  response.body.clear();
  for (auto piece = next(); !piece || !piece->empty(); piece = next()) {
    if (!piece) return respond(problem(500, "the answer was broken off"));
    response.body += *piece;
    CHECK(response.body.size() < kStreamSizeMax);
  }
  respond(std::move(response));
}

HttpFeed HttpResponder::feed(const HttpResponse& head, std::size_t) {
  respond(head);
  return HttpFeed(std::make_shared<HttpFeed::State>());
}

HttpFeed::HttpFeed(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpFeed::HttpFeed(HttpFeed&&) noexcept = default;
HttpFeed& HttpFeed::operator=(HttpFeed&&) noexcept = default;
HttpFeed::~HttpFeed() = default;
bool HttpFeed::send(std::string_view) { return state_ == nullptr; }

class HttpServer::Impl {
 public:
  Router router;
  std::vector<HttpRoute> routes;
  std::vector<HttpHandler> handlers;
};

namespace {

// So that request() finds the routes of a server.
std::map<const HttpServer*, std::pair<const Router*, const std::vector<HttpHandler>*>> servers;

}  // namespace

HttpServer::HttpServer(HttpServerOptions) : impl_(std::make_unique<Impl>()) {
  servers[this] = {&impl_->router, &impl_->handlers};
}
HttpServer::~HttpServer() { servers.erase(this); }

void HttpServer::route(HttpRoute route, HttpHandler handler) {
  impl_->router.add(route.method, route.pattern);
  impl_->routes.push_back(std::move(route));
  impl_->handlers.push_back(std::move(handler));
}
void HttpServer::route(HttpRoute route, std::function<HttpResponse(HttpRequest)> handler) {
  this->route(std::move(route),
              [handler = std::move(handler)](HttpRequest request, HttpResponder responder) {
                responder.respond(handler(std::move(request)));
              });
}
HttpLane HttpServer::add_lane() { return {}; }
std::size_t HttpServer::connections() const { return 0; }
std::span<const HttpRoute> HttpServer::routes() const { return impl_->routes; }

HttpResponse fuzz::request(HttpServer& server, const std::string& method, std::string_view target,
                           std::vector<std::pair<std::string, std::string>> headers,
                           std::string body) {
  const auto& [router, handlers] = servers.at(&server);
  auto parsed = RequestTarget::parse(target);
  if (!parsed) return problem(400, parsed.error());
  auto match = router->find(method, parsed->segments);
  if (!match.route) return problem(match.allowed.empty() ? 404 : 405, "there is no such route");
  const auto state = std::make_shared<HttpResponder::State>();
  auto answer = state->answer.get_future();
  handlers->at (*match.route)({.method = method,
                               .path = std::move(parsed->path),
                               .captured = std::move(match.captured),
                               .query = std::move(parsed->query),
                               .headers = std::move(headers),
                               .body = std::move(body)},
                              HttpResponder(state));
  CHECK(answer.wait_for(kAnswerWait) == std::future_status::ready);
  return answer.get();
}

}  // namespace tributary
