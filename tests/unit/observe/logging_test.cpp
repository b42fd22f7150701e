#include "shared/observe/logging.h"

#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>
#include <thread>

#include "shared/base/timestamp.h"
#include "tests/unit/observe/captured_log.h"

using namespace tributary;
using tributary::test::CapturedLog;

TEST_CASE("a JSON line has its time, level, component, message and fields, in this order") {
  const CapturedLog log(LogFormat::json);
  const std::string text = "mqtt://broker";
  log_warning("mqtt", "connection lost",
              {{"url", text},
               {"try", 3},
               {"bytes", std::uint64_t{18446744073709551615U}},
               {"after", -1.5},
               {"again", true}});
  const auto lines = log.lines();
  REQUIRE(lines.size() == 1);
  const auto time = nlohmann::json::parse(lines[0])["time"].get<std::string>();
  REQUIRE(Timestamp::parse(time));
  REQUIRE(time.back() == 'Z');
  REQUIRE(
      lines[0] ==
      "{\"time\":\"" + time +
          R"(","level":"warning","component":"mqtt","message":"connection lost","url":"mqtt://broker","try":3,)"
          R"("bytes":18446744073709551615,"after":-1.5,"again":true})");
}

TEST_CASE("a JSON line stays JSON, and one line, whatever bytes it is given") {
  const CapturedLog log(LogFormat::json);
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  log_info(bytes, bytes, {{bytes, bytes}, {"nan", std::numeric_limits<double>::quiet_NaN()}});
  const auto lines = log.lines();
  REQUIRE(lines.size() == 1);
  REQUIRE_NOTHROW(nlohmann::json::parse(lines[0]));
}

TEST_CASE("a text line is for people: time of day, level, component, message and fields") {
  const CapturedLog log(LogFormat::text);
  log_error("store", "write failed\nbadly",
            {{"table", "events"}, {"reason", "disk full"}, {"empty", ""}, {"count", 7}});
  const auto lines = log.lines();
  REQUIRE(lines.size() == 1);
  REQUIRE(std::regex_match(lines[0].substr(0, 12), std::regex(R"(\d\d:\d\d:\d\d\.\d\d\d)")));
  REQUIRE(lines[0].substr(12) ==
          R"( error store: write failed\nbadly table=events reason="disk full" empty="" count=7)");
}

TEST_CASE("lines below the least level are not printed") {
  const CapturedLog log(LogFormat::text, LogLevel::warning);
  log_debug("a", "no");
  log_info("a", "no");
  log_warning("a", "yes");
  log_error("a", "yes");
  REQUIRE(log.lines().size() == 2);
}

TEST_CASE("lines of several threads don't mix") {
  const CapturedLog log(LogFormat::json);
  const std::string message(5000, 'x');
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) log_info("test", message);
      });
    }
  }
  const auto lines = log.lines();
  REQUIRE(lines.size() == 400);
  for (const auto& line : lines) REQUIRE_NOTHROW(nlohmann::json::parse(line));
}

TEST_CASE("the format is what the option says, else json where there is no terminal") {
  REQUIRE(log_format_for("text") == LogFormat::text);
  REQUIRE(log_format_for("json") == LogFormat::json);
  const CapturedLog no_terminal(LogFormat::json);
  REQUIRE(log_format_for("") == LogFormat::json);
}
