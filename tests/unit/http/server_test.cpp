#include "shared/http/server.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <latch>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "tests/unit/http/client.h"

using namespace tributary;
using namespace std::chrono_literals;
using tributary::test::Client;
using tributary::test::Reply;

namespace {

HttpServerOptions any_port() {
  HttpServerOptions options;
  options.listen = {"127.0.0.1:0"};
  return options;
}

HttpResponse text(std::string body) { return {200, "text/plain", std::move(body), {}}; }

// A server with a route that answers with what it was asked.
struct Echo {
  explicit Echo(HttpServerOptions options = any_port()) : server(std::move(options)) {
    server.route({.method = "GET", .pattern = "/echo/{name}"},
                 [](HttpRequest request, HttpResponder responder) {
                   responder.respond(text(request.captured["name"] + '|' +
                                          std::string(request.parameter("q").value_or("-"))));
                 });
    server.route({.method = "POST", .pattern = "/size"},
                 [](HttpRequest request, HttpResponder responder) {
                   responder.respond(text(std::to_string(request.body.size())));
                 });
  }
  std::string start() {
    REQUIRE(server.start());
    return server.addresses().front();
  }
  HttpServer server;
};

std::string post(std::size_t size) {
  return "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
}

const std::string kGet = "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n";

void require_problem(const Reply& reply, int status) {
  REQUIRE(reply.status == status);
  REQUIRE(reply.whole);
  REQUIRE(reply.headers.at("content-type") == "application/problem+json");
  REQUIRE(nlohmann::json::parse(reply.body)["status"] == status);
}

}  // namespace

TEST_CASE("a request reaches its route with captured segments and decoded parameters") {
  Echo echo;
  Client client(echo.start());
  const auto reply = client.request("GET /echo/a%2Fb?q=c+d%21 HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(reply.status == 200);
  REQUIRE(reply.body == "a/b|c d!");
  REQUIRE(reply.headers.at("content-type") == "text/plain");
  REQUIRE(reply.headers.contains("date"));
}

TEST_CASE("an unknown path is a 404 problem, another method a 405 with Allow") {
  Echo echo;
  Client client(echo.start());
  require_problem(client.request("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
  const auto refused = client.request("DELETE /size HTTP/1.1\r\nHost: x\r\n\r\n");
  require_problem(refused, 405);
  REQUIRE(refused.headers.at("allow") == "POST");
  require_problem(client.request("GET /echo/%zz HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
}

TEST_CASE("a method that nobody knows is a 405 with Allow as well") {
  Echo echo;
  const auto address = echo.start();
  const auto ask = [&](const std::string& line) {
    Client client(address);
    return client.request(line + " HTTP/1.1\r\nHost: x\r\n\r\n");
  };
  const auto refused = ask("QUERY /echo/a?q=1");
  require_problem(refused, 405);
  REQUIRE(refused.headers.at("allow") == "GET, HEAD");
  require_problem(ask("QUERY /nowhere"), 404);
  require_problem(ask("QUERY /echo/%zz"), 400);
  require_problem(ask("query /size"), 400);
  require_problem(ask("QUERY"), 400);
  require_problem(ask(std::string(33, 'Q') + " /size"), 400);
}

TEST_CASE("HEAD gives the header of GET without the body") {
  Echo echo;
  Client client(echo.start());
  REQUIRE(client.send("HEAD /echo/abc HTTP/1.1\r\nHost: x\r\n\r\n"));
  const auto reply = client.reply(true);
  REQUIRE(reply.status == 200);
  REQUIRE(reply.headers.at("content-length") == "5");
  REQUIRE(client.request(kGet).body == "a|-");
}

TEST_CASE("header names are found in any case") {
  HttpServer server(any_port());
  server.route({.method = "GET", .pattern = "/"}, [](HttpRequest request, HttpResponder responder) {
    responder.respond(text(std::string(request.header("AUTHORIZATION").value_or("none"))));
  });
  REQUIRE(server.start());
  Client client(server.addresses().front());
  REQUIRE(client.request("GET / HTTP/1.1\r\nHost: x\r\nauthorization: Bearer y\r\n\r\n").body ==
          "Bearer y");
}

TEST_CASE("a line break in a header's value can't begin a header of its own") {
  HttpServer server(any_port());
  server.route({.method = "GET", .pattern = "/"}, [](HttpRequest, HttpResponder responder) {
    auto response = text("x");
    response.headers.emplace_back("X-Name", "a\r\nX-Evil: b");
    responder.respond(std::move(response));
  });
  REQUIRE(server.start());
  const auto reply =
      Client(server.addresses().front()).request("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE_FALSE(reply.headers.contains("x-evil"));
}

TEST_CASE("a connection serves one request after the other, also those sent ahead") {
  Echo echo;
  Client client(echo.start());
  REQUIRE(client.request(kGet).body == "a|-");
  REQUIRE(client.request(kGet).body == "a|-");
  REQUIRE(client.send(kGet + post(3) + "abc" + kGet));
  REQUIRE(client.reply().body == "a|-");
  REQUIRE(client.reply().body == "3");
  REQUIRE(client.reply().body == "a|-");
}

TEST_CASE("a client that ends its sending still gets its answer") {
  Echo echo;
  Client client(echo.start());
  REQUIRE(client.send(kGet));
  client.end_sending();
  REQUIRE(client.reply().body == "a|-");
}

TEST_CASE("an HTTP/1.0 client gets its answer and the end of the connection") {
  Echo echo;
  Client client(echo.start());
  REQUIRE(client.request("GET /echo/a HTTP/1.0\r\n\r\n").body == "a|-");
  REQUIRE(client.closed_by_server());
}

TEST_CASE("an offer to upgrade to another protocol is passed over") {
  Echo echo;
  Client client(echo.start());
  const std::string upgrade =
      "POST /size HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: AAMAAABk\r\nContent-Length: 2\r\n\r\nab";
  REQUIRE(client.request(upgrade).body == "2");
  REQUIRE(client.request(kGet).body == "a|-");
}

TEST_CASE("a body over the limit is a 413 problem, whether the client reads early or late") {
  Echo echo;
  const auto address = echo.start();
  Client late(address);
  const std::string body(9U << 20, 'x');
  REQUIRE(late.send(post(body.size())));
  late.send(body);
  require_problem(late.reply(), 413);
  Client early(address);
  require_problem(early.request(post(std::size_t{1} << 30)), 413);
  REQUIRE(early.closed_by_server());
  REQUIRE(Client(address).request(post(8U << 20) + std::string(8U << 20, 'x')).body ==
          std::to_string(8U << 20));
}

TEST_CASE("a chunked body is put together, and refused once it is over the limit") {
  auto options = any_port();
  options.body_size_max = 1000;
  Echo echo(options);
  const auto address = echo.start();
  const std::string head = "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  Client client(address);
  REQUIRE(client.request(head + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").body == "5");
  require_problem(client.request(head + "400\r\n" + std::string(1024, 'x') + "\r\n"), 413);
}

TEST_CASE("bodies that are too many in sum are a 503 problem, and their memory is given back") {
  auto options = any_port();
  options.body_size_max = 1000;
  options.bodies_size_max = 1500;
  HttpServer server(options);
  std::promise<HttpResponder> held;
  server.route({.method = "POST", .pattern = "/hold"},
               [&](HttpRequest, HttpResponder responder) { held.set_value(std::move(responder)); });
  server.route({.method = "POST", .pattern = "/size"},
               [](HttpRequest, HttpResponder responder) { responder.respond(text("ok")); });
  REQUIRE(server.start());
  const auto address = server.addresses().front();

  Client holder(address);
  REQUIRE(holder.send("POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n" +
                      std::string(900, 'x')));
  auto responder = held.get_future().get();
  const auto busy = Client(address).request(post(900) + std::string(900, 'x'));
  require_problem(busy, 503);
  REQUIRE(busy.headers.at("retry-after") == "1");
  responder.respond(text("done"));
  REQUIRE(holder.reply().body == "done");
  Client again(address);
  REQUIRE(again.request(post(900) + std::string(900, 'x')).body == "ok");
  REQUIRE(again.request(post(900) + std::string(900, 'x')).body == "ok");
}

TEST_CASE("a client that waits for 100 Continue gets it before it sends the body") {
  Echo echo;
  Client client(echo.start());
  REQUIRE(client.send(
      "POST /size HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
  REQUIRE(client.reply().status == 100);
  REQUIRE(client.request("hello").body == "5");
  REQUIRE(
      client.send("POST /size HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
                  "99999999\r\n\r\n"));
  require_problem(client.reply(), 413);
}

TEST_CASE("what is not HTTP is a 400 problem, and the server lives on") {
  Echo echo;
  const auto address = echo.start();
  require_problem(Client(address).request("\x16\x03\x01 hello\r\n\r\n"), 400);
  require_problem(Client(address).request(
                      "GET /echo/a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
                  400);
  REQUIRE(Client(address).request(kGet).status == 200);
}

TEST_CASE("an endless header or address is refused") {
  Echo echo;
  const auto address = echo.start();
  const std::string much(20'000, 'x');
  require_problem(Client(address).request("GET /" + much + " HTTP/1.1\r\n\r\n"), 414);
  require_problem(Client(address).request("GET / HTTP/1.1\r\nX: " + much + "\r\n\r\n"), 431);
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 200; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  require_problem(Client(address).request(many + "\r\n"), 431);
}

TEST_CASE("an answer may come later, from another thread") {
  HttpServer server(any_port());
  std::jthread other;
  server.route({.method = "GET", .pattern = "/"}, [&](HttpRequest, HttpResponder responder) {
    other = std::jthread(
        [responder = std::move(responder)]() mutable { responder.respond(text("later")); });
  });
  REQUIRE(server.start());
  REQUIRE(Client(server.addresses().front()).request("GET / HTTP/1.1\r\nHost: x\r\n\r\n").body ==
          "later");
}

TEST_CASE("a request that nobody answers is a 500 problem") {
  HttpServer server(any_port());
  server.route({.method = "GET", .pattern = "/"}, [](HttpRequest, HttpResponder) {});
  REQUIRE(server.start());
  require_problem(Client(server.addresses().front()).request("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                  500);
}

TEST_CASE("a handler that throws is a 500 problem and a line to on_error") {
  auto options = any_port();
  std::string said;
  options.on_error = [&](std::string_view line) { said = line; };
  HttpServer server(options);
  server.route({.method = "GET", .pattern = "/"},
               [](HttpRequest, HttpResponder) { throw std::runtime_error("broken"); });
  server.route({.method = "GET", .pattern = "/blocking", .runs = HttpRoute::Runs::on_worker},
               [](HttpRequest) -> HttpResponse { throw std::runtime_error("broken"); });
  REQUIRE(server.start());
  Client client(server.addresses().front());
  require_problem(client.request("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 500);
  require_problem(client.request("GET /blocking HTTP/1.1\r\nHost: x\r\n\r\n"), 500);
  server.stop();
  REQUIRE(said == "GET /blocking failed: broken");
}

TEST_CASE("a blocking handler doesn't hold up other requests, and too many of them are refused") {
  auto options = any_port();
  options.workers = 1;
  HttpServer server(options);
  std::promise<void> release;
  const auto released = release.get_future().share();
  std::atomic<int> begun{0};
  server.route({.method = "GET", .pattern = "/slow", .runs = HttpRoute::Runs::on_worker},
               [&](HttpRequest) {
                 ++begun;
                 released.wait();
                 return text("slow");
               });
  server.route({.method = "GET", .pattern = "/fast"},
               [](HttpRequest, HttpResponder responder) { responder.respond(text("fast")); });
  server.route({.method = "GET", .pattern = "/status", .runs = HttpRoute::Runs::on_status_thread},
               [](HttpRequest) { return text("status"); });
  REQUIRE(server.start());
  const auto address = server.addresses().front();

  const std::string slow = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 65; ++i) {
    clients.push_back(std::make_unique<Client>(address));
    REQUIRE(clients.back()->send(slow));
    while (begun == 0) std::this_thread::yield();
  }
  REQUIRE(Client(address).request("GET /fast HTTP/1.1\r\nHost: x\r\n\r\n").body == "fast");
  REQUIRE(Client(address).request("GET /status HTTP/1.1\r\nHost: x\r\n\r\n").body == "status");
  const auto busy = Client(address).request(slow);
  require_problem(busy, 503);
  REQUIRE(busy.headers.at("retry-after") == "1");
  release.set_value();
  for (const auto& client : clients) REQUIRE(client->reply().body == "slow");
}

TEST_CASE("a lane whose handlers all hang stalls no other") {
  auto options = any_port();
  options.workers = 1;
  HttpServer server(options);
  std::promise<void> release;
  const auto released = release.get_future().share();
  const auto hung = server.add_lane();
  const auto other = server.add_lane();
  const auto answer = [&](const HttpRequest& request) {
    if (request.captured.at("lane") == "hung") released.wait();
    return text("answered");
  };
  server.route({.method = "GET",
                .pattern = "/lane/{lane}",
                .runs = HttpRoute::Runs::on_worker,
                .lane =
                    [&](const HttpRequest& request) {
                      return request.captured.at("lane") == "hung" ? hung : other;
                    }},
               answer);
  server.route({.method = "GET", .pattern = "/none", .runs = HttpRoute::Runs::on_worker},
               [](const HttpRequest&) { return text("none"); });
  REQUIRE(server.start());
  const auto address = server.addresses().front();
  Client waiting(address);
  REQUIRE(waiting.send("GET /lane/hung HTTP/1.1\r\nHost: x\r\n\r\n"));
  REQUIRE(Client(address).request("GET /lane/other HTTP/1.1\r\nHost: x\r\n\r\n").body ==
          "answered");
  REQUIRE(Client(address).request("GET /none HTTP/1.1\r\nHost: x\r\n\r\n").body == "none");
  release.set_value();
  REQUIRE(waiting.reply().body == "answered");
}

TEST_CASE("what a client asked that has left while it waited is not begun") {
  auto options = any_port();
  options.workers = 1;
  options.begin_without_look = 0ms;
  std::mutex mutex;
  std::vector<int> statuses;
  options.on_answered = [&](const HttpAnswered& answered) {
    const std::lock_guard lock(mutex);
    if (answered.path == "/slow") statuses.push_back(answered.status);
  };
  HttpServer server(options);
  std::promise<void> release;
  const auto released = release.get_future().share();
  std::atomic<int> begun{0};
  server.route({.method = "GET", .pattern = "/slow", .runs = HttpRoute::Runs::on_worker},
               [&](const HttpRequest&) {
                 ++begun;
                 released.wait();
                 return text("slow");
               });
  server.route({.method = "GET", .pattern = "/fast"},
               [](HttpRequest, HttpResponder responder) { responder.respond(text("fast")); });
  REQUIRE(server.start());
  const auto address = server.addresses().front();
  // The one thread for all connections has seen what came before.
  const auto pass = [&] {
    for (int i = 0; i < 3; ++i)
      REQUIRE(Client(address).request("GET /fast HTTP/1.1\r\nHost: x\r\n\r\n").status == 200);
  };
  const std::string slow = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
  Client stays(address);
  REQUIRE(stays.send(slow));
  while (begun == 0) std::this_thread::yield();
  {
    Client leaves(address);
    REQUIRE(leaves.send(slow));
    pass();
  }
  pass();
  Client last(address);
  REQUIRE(last.send(slow));
  pass();
  release.set_value();
  REQUIRE(stays.reply().body == "slow");
  REQUIRE(last.reply().body == "slow");
  // A connection that is watched is none the worse for it.
  REQUIRE(last.request(slow).body == "slow");
  server.stop();
  REQUIRE(begun == 3);
  REQUIRE(std::ranges::count(statuses, 499) == 1);
}

TEST_CASE("connections over the limit are told so, and let in once others have gone") {
  auto options = any_port();
  options.connections_max = 2;
  Echo echo(options);
  const auto address = echo.start();
  auto first = std::make_unique<Client>(address);
  Client second(address);
  REQUIRE(first->request(kGet).status == 200);
  REQUIRE(second.request(kGet).status == 200);
  require_problem(Client(address).request(kGet), 503);
  first.reset();
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  int status = 503;
  while (status == 503 && std::chrono::steady_clock::now() < deadline)
    status = Client(address).request(kGet).status;
  REQUIRE(status == 200);
}

TEST_CASE("a connection without requests is closed after the idle time") {
  auto options = any_port();
  options.idle_timeout = 100ms;
  Echo echo(options);
  Client client(echo.start());
  REQUIRE(client.request(kGet).status == 200);
  REQUIRE(client.closed_by_server());
}

TEST_CASE("a client that never ends its request is closed after the idle time") {
  auto options = any_port();
  options.idle_timeout = 100ms;
  Echo echo(options);
  Client client(echo.start());
  REQUIRE(client.send("POST /size HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"));
  REQUIRE(client.closed_by_server());
}

TEST_CASE("one router is served on every address, IPv6 too") {
  auto options = any_port();
  options.listen = {"127.0.0.1:0", "localhost:0", "[::1]:0"};
  options.threads = 2;
  Echo echo(options);
  echo.start();
  const auto addresses = echo.server.addresses();
  REQUIRE(addresses.size() == 3);
  REQUIRE(addresses[2].starts_with("[::1]:"));
  REQUIRE(Client(addresses[0]).request(kGet).status == 200);
  REQUIRE(Client(addresses[1]).request(kGet).status == 200);
}

TEST_CASE("an address in use is named, and none of the others is listened on") {
  Echo first;
  const auto taken = first.start();
  auto options = any_port();
  options.listen = {"127.0.0.1:0", taken};
  HttpServer second(options);
  const auto started = second.start();
  REQUIRE_FALSE(started);
  REQUIRE(started.error().code() == std::errc::address_in_use);
  REQUIRE(started.error().context() ==
          "cannot listen on " + taken +
              ", which is in use by another program (choose another with http.listen)");
  REQUIRE(second.addresses().empty());
}

TEST_CASE("what can't be listened on says why") {
  const auto error_of = [](const std::string& address) {
    HttpServerOptions options;
    options.listen = {address};
    HttpServer server(options);
    return server.start().error().message();
  };
  REQUIRE(error_of("8000") ==
          "cannot listen on \"8000\", which is not an address: write it as 127.0.0.1:8000 or "
          "[::1]:8000");
  REQUIRE(error_of("127.0.0.1:99999").find("not an address:") != std::string::npos);
  REQUIRE(error_of("::1:8000").find("not an address:") != std::string::npos);
  REQUIRE(error_of("192.0.2.1:8000").find("not an address of this machine") != std::string::npos);
}

TEST_CASE("stopping waits for answers under way, and refuses new connections") {
  auto options = any_port();
  HttpServer server(options);
  std::promise<HttpResponder> held;
  server.route({.method = "GET", .pattern = "/"},
               [&](HttpRequest, HttpResponder responder) { held.set_value(std::move(responder)); });
  REQUIRE(server.start());
  Client client(server.addresses().front());
  REQUIRE(client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  auto responder = held.get_future().get();
  std::jthread stopper([&] { server.stop(10s); });
  std::jthread answerer([&] { responder.respond(text("in time")); });
  const auto reply = client.reply();
  REQUIRE(reply.body == "in time");
  REQUIRE(client.closed_by_server());
}

TEST_CASE("stopping doesn't wait for ever, and an answer after it goes nowhere") {
  HttpServer server(any_port());
  std::promise<HttpResponder> held;
  server.route({.method = "GET", .pattern = "/"},
               [&](HttpRequest, HttpResponder responder) { held.set_value(std::move(responder)); });
  REQUIRE(server.start());
  Client client(server.addresses().front());
  REQUIRE(client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  auto responder = held.get_future().get();
  server.stop(10ms);
  server.stop(10ms);
  REQUIRE(client.closed_by_server());
  responder.respond(text("too late"));
}

TEST_CASE("many clients on many threads each get their own answer") {
  auto options = any_port();
  options.threads = 3;
  Echo echo(options);
  const auto address = echo.start();
  std::atomic<int> right{0};
  std::vector<std::unique_ptr<Client>> clients;
  for (int t = 0; t < 8; ++t) clients.push_back(std::make_unique<Client>(address));
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&right, &client = *clients[static_cast<std::size_t>(t)], t] {
        for (int i = 0; i < 50; ++i) {
          const auto name = std::to_string(t * 1000 + i);
          if (client.request("GET /echo/" + name + " HTTP/1.1\r\nHost: x\r\n\r\n").body ==
              name + "|-")
            ++right;
        }
      });
    }
  }
  REQUIRE(right == 400);
}
