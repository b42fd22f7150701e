// GET /live under a clock that the test moves.

#include "collector/api/live.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "shared/observe/metrics.h"
#include "tests/contract/store_verbs.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/http/client.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

struct Fixture {
  Pipeline pipeline{.config = {.name = "telemetry",
                               .schema = *Schema::built_in("telemetry"),
                               .topic = {},
                               .group = {},
                               .table = {}},
                    .stream = nullptr,
                    .store = nullptr};
  Pipeline* const all[1] = {&pipeline};
  test::FakeClock clock;
  Metrics metrics;
  HttpServer server{[] {
    HttpServerOptions options;
    options.listen = {"127.0.0.1:0"};
    return options;
  }()};
  Live live{server, all, clock, metrics};

  Fixture() { REQUIRE(server.start()); }
  ~Fixture() {
    live.stop();
    server.stop();
  }

  void accept(const std::string& second) {
    const auto event =
        R"({"sensor_id":"a","timestamp":"2026-01-21T10:00:)" + second +
        R"(Z","temperature":1,"humidity":2,"location":{"latitude":3,"longitude":4}})";
    const std::string_view record = event;
    pipeline.live->put({&record, 1});
  }
};

// A reader, which reads until it has seen some words.
class LiveReader {
 public:
  LiveReader(Fixture& fixture, const std::string& last_event_id = "")
      : client_(fixture.server.addresses().front()) {
    const auto header = last_event_id.empty() ? "" : "Last-Event-ID: " + last_event_id + "\r\n";
    REQUIRE(client_.send("GET /live HTTP/1.1\r\nHost: x\r\n" + header + "\r\n"));
    read_to("retry: 2000");
  }
  std::string read_to(const std::string& words) {
    while (text_.find(words) == std::string::npos) {
      const auto more = client_.receive();
      INFO("waits for " << words << ", has " << text_);
      REQUIRE_FALSE(more.empty());
      text_ += more;
    }
    return text_;
  }

 private:
  test::Client client_;
  std::string text_;
};

}  // namespace

TEST_CASE_METHOD(Fixture,
                 "after a time without readers a reader that comes back is told of the gap") {
  std::string id;
  {
    LiveReader reader(*this);
    accept("00");
    const auto text = reader.read_to("10:00:00Z");
    const auto at = text.find("id: ") + 4;
    id = text.substr(at, text.find('\n', at) - at);
  }
  // Once the reader is found to have gone, and its time is over, nobody looks on any more.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (pipeline.live->is_wanted() && std::chrono::steady_clock::now() < deadline) {
    clock.advance(Live::kKeepAfter);
    std::this_thread::yield();
  }
  REQUIRE_FALSE(pipeline.live->is_wanted());
  LiveReader back(*this, id);
  back.read_to("event: gap");
  accept("01");
  back.read_to("10:00:01Z");
}

}  // namespace tributary::collector
