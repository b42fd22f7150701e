#include <atomic>
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <future>
#include <stdexcept>
#include <thread>

#include "shared/http/server.h"
#include "tests/unit/http/client.h"

using namespace tributary;
using namespace std::chrono_literals;
using tributary::test::Client;

namespace {

const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

// A server whose only route streams what `next` gives.
struct Streaming {
  explicit Streaming(std::function<std::function<std::optional<std::string>()>()> make)
      : server(options()) {
    server.route({.method = "GET", .pattern = "/"},
                 [make = std::move(make)](HttpRequest, HttpResponder responder) {
                   responder.stream(200, "text/plain", make());
                 });
    REQUIRE(server.start());
    address = server.addresses().front();
  }
  static HttpServerOptions options() {
    HttpServerOptions options;
    options.listen = {"127.0.0.1:0"};
    return options;
  }
  HttpServer server;
  std::string address;
};

std::function<std::optional<std::string>()> pieces(std::vector<std::optional<std::string>> list) {
  return [list = std::move(list), at = std::size_t{0}]() mutable { return list.at(at++); };
}

bool wait_for(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("a stream's pieces arrive as one body, and the connection serves on") {
  Streaming streaming([] { return pieces({"one,", "two,", std::string(600'000, 'x'), ""}); });
  Client client(streaming.address);
  for (int i = 0; i < 2; ++i) {
    const auto reply = client.request(kGet);
    REQUIRE(reply.whole);
    REQUIRE(reply.body == "one,two," + std::string(600'000, 'x'));
  }
}

TEST_CASE("a stream may be empty") {
  Streaming streaming([] { return pieces({""}); });
  const auto reply = Client(streaming.address).request(kGet);
  REQUIRE(reply.status == 200);
  REQUIRE(reply.whole);
  REQUIRE(reply.body.empty());
}

TEST_CASE("HEAD of a stream asks for no piece") {
  std::atomic<int> asked{0};
  Streaming streaming([&] {
    return [&]() -> std::optional<std::string> {
      ++asked;
      return "";
    };
  });
  Client client(streaming.address);
  REQUIRE(client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"));
  REQUIRE(client.reply(true).status == 200);
  REQUIRE(asked == 0);
  REQUIRE(client.request(kGet).whole);
}

TEST_CASE("an HTTP/1.0 client gets a stream up to the end of the connection") {
  Streaming streaming([] { return pieces({"one,", "two", ""}); });
  const auto reply =
      Client(streaming.address).request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  REQUIRE(reply.body == "one,two");
  REQUIRE_FALSE(reply.headers.contains("transfer-encoding"));
}

TEST_CASE("a stream that is broken off is seen not to be whole") {
  Streaming streaming([] { return pieces({"one,", std::nullopt}); });
  const auto reply = Client(streaming.address).request(kGet);
  REQUIRE(reply.status == 200);
  REQUIRE(reply.body == "one,");
  REQUIRE_FALSE(reply.whole);
}

TEST_CASE("a stream that can't be begun is a 500") {
  Streaming streaming([] {
    return []() -> std::optional<std::string> { throw std::runtime_error("no database"); };
  });
  REQUIRE(Client(streaming.address).request(kGet).status == 500);
}

TEST_CASE("a stream of 200 MiB waits for a slow reader and holds few pieces in memory") {
  constexpr std::size_t kPiece = 64U << 10;
  constexpr std::size_t kPieces = (200U << 20) / kPiece;
  std::atomic<std::size_t> made{0};
  Streaming streaming([&] {
    return [&]() -> std::optional<std::string> {
      if (made == kPieces) return "";
      ++made;
      return std::string(kPiece, 'x');
    };
  });
  Client client(streaming.address);
  REQUIRE(client.send(kGet));
  std::size_t received = 0;
  std::size_t ahead_max = 0;
  // What was made and not received is in the sockets' buffers, but for two pieces.
  constexpr std::size_t kSocketBuffers = 16U << 20;
  while (received < kPieces * kPiece) {
    const auto bytes = client.receive();
    REQUIRE_FALSE(bytes.empty());
    received += bytes.size();
    const std::size_t sent = made * kPiece;
    if (sent > received) ahead_max = std::max(ahead_max, sent - received);
  }
  REQUIRE(made == kPieces);
  REQUIRE(ahead_max < kSocketBuffers);
}

TEST_CASE("a reader that stops reading stops the stream") {
  std::atomic<std::size_t> made{0};
  Streaming streaming([&] {
    return [&]() -> std::optional<std::string> {
      ++made;
      return std::string(64U << 10, 'x');
    };
  });
  Client client(streaming.address);
  client.shrink_receive_buffer();
  REQUIRE(client.send(kGet));
  REQUIRE_FALSE(client.receive().empty());
  // It has stopped when it makes nothing while other requests' worth of time passes.
  std::size_t before = 0;
  REQUIRE(wait_for([&] {
    before = made;
    std::this_thread::sleep_for(50ms);
    return made == before;
  }));
  REQUIRE(made * (64U << 10) < (32U << 20));
}

TEST_CASE("a client that goes away in mid-stream releases what the stream holds") {
  const auto held = std::make_shared<int>(1);
  Streaming streaming([&] {
    return [copy = held]() -> std::optional<std::string> { return std::string(64U << 10, 'x'); };
  });
  {
    Client client(streaming.address);
    REQUIRE(client.send(kGet));
    REQUIRE_FALSE(client.receive().empty());
    REQUIRE(held.use_count() > 1);
  }
  REQUIRE(wait_for([&] { return held.use_count() == 1; }));
}

TEST_CASE("stopping the server ends streams under way") {
  const auto held = std::make_shared<int>(1);
  {
    Streaming streaming([&] {
      return [copy = held]() -> std::optional<std::string> { return std::string(64U << 10, 'x'); };
    });
    Client client(streaming.address);
    REQUIRE(client.send(kGet));
    REQUIRE_FALSE(client.receive().empty());
    streaming.server.stop(10ms);
    REQUIRE(client.closed_by_server());
  }
  REQUIRE(held.use_count() == 1);
}

namespace {

// A server that hands its feeds to the test.
struct Feeding {
  explicit Feeding(std::size_t waiting_max) : server(Streaming::options()) {
    server.route({.method = "GET", .pattern = "/"}, [this, waiting_max](HttpRequest,
                                                                        HttpResponder responder) {
      feeds.set_value(responder.feed(
          {200, "text/event-stream", {}, {{"Cache-Control", "no-cache"}}}, waiting_max));
    });
    REQUIRE(server.start());
  }
  std::promise<HttpFeed> feeds;
  HttpServer server;
};

}  // namespace

TEST_CASE("a feed's header arrives at once, its pieces as they are sent") {
  Feeding feeding(1000);
  Client client(feeding.server.addresses().front());
  REQUIRE(client.send(kGet));
  auto feed = std::optional(feeding.feeds.get_future().get());
  REQUIRE(client.receive().find("Cache-Control: no-cache\r\n") != std::string::npos);
  REQUIRE(feed->send("data: 1\n\n"));
  REQUIRE(client.receive() == "9\r\ndata: 1\n\n\r\n");
  REQUIRE(feed->send("data: 2\n\n"));
  REQUIRE(client.receive() == "9\r\ndata: 2\n\n\r\n");
  feed.reset();
  REQUIRE(client.receive() == "0\r\n\r\n");
}

TEST_CASE("a feed knows when its client has gone") {
  Feeding feeding(1000);
  auto client = std::make_unique<Client>(feeding.server.addresses().front());
  REQUIRE(client->send(kGet));
  auto feed = feeding.feeds.get_future().get();
  client.reset();
  REQUIRE(wait_for([&] { return !feed.send(": still there?\n\n"); }));
}

TEST_CASE("a feed whose client doesn't read is broken off, not queued without end") {
  Feeding feeding(1U << 20);
  Client client(feeding.server.addresses().front());
  client.shrink_receive_buffer();
  REQUIRE(client.send(kGet));
  auto feed = feeding.feeds.get_future().get();
  std::size_t sent = 0;
  while (feed.send(std::string(10'000, 'x'))) sent += 10'000;
  REQUIRE(sent < (32U << 20));
}

TEST_CASE("stopping doesn't wait for the end of a feed") {
  Feeding feeding(1000);
  Client client(feeding.server.addresses().front());
  REQUIRE(client.send(kGet));
  auto feed = feeding.feeds.get_future().get();
  const auto begun = std::chrono::steady_clock::now();
  feeding.server.stop(60s);
  REQUIRE(std::chrono::steady_clock::now() - begun < 30s);
  REQUIRE(client.closed_by_server());
}

TEST_CASE("a feed outlives its server") {
  std::optional<HttpFeed> feed;
  {
    Feeding feeding(1000);
    Client client(feeding.server.addresses().front());
    REQUIRE(client.send(kGet));
    feed = feeding.feeds.get_future().get();
    feeding.server.stop(1ms);
  }
  REQUIRE_FALSE(feed->send("x"));
}
